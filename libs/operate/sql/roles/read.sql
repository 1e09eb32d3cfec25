set search_path = pg_catalog, pg_temp;
-- converge_read: consoles, dashboards, `doctor` and the commands that show something. Payloads of events are in what it reads.
do $$ begin create role converge_read nologin; exception when duplicate_object or unique_violation then null; end $$;
-- What was granted before, and is not below, is taken away: with the rights to a table those to its columns.
revoke all on all tables in schema converge from converge_read;
revoke all on all sequences in schema converge from converge_read;
revoke all on all functions in schema converge from converge_read;
revoke all on schema converge from converge_read;
revoke all on schema converge from public;
revoke execute on all functions in schema converge from public;
grant usage on schema converge to converge_read;
grant select on all tables in schema converge to converge_read;
grant select on all sequences in schema converge to converge_read;
grant execute on function converge.inbox_open_gaps, converge.keys_between, converge.kafka_partition, converge.tick_last,
  converge.frontier, converge.events_since, converge.outbox_since, converge.relay_doubt, converge.inbox_arrival, converge.inbox_parked, converge.saga_open to converge_read;
-- Every lease is shown.
do $$ begin
  if not exists (select from pg_policy p where p.polrelid = 'converge.lease'::regclass and p.polname = 'reader') then
    alter table converge.lease enable row level security;
    create policy reader on converge.lease for select to converge_read using (true);
  end if;
end $$;
reset search_path;
