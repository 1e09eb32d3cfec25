set search_path = pg_catalog, pg_temp;
-- converge_relay: the process that publishes an outbox. It reads the outbox and cannot write to it; what needs the
-- tables' owner (children that are added and removed) are functions of the owner.
do $$ begin create role converge_relay nologin; exception when duplicate_object or unique_violation then null; end $$;
-- What was granted before, and is not below, is taken away: with the rights to a table those to its columns.
revoke all on all tables in schema converge from converge_relay;
revoke all on all sequences in schema converge from converge_relay;
revoke all on all functions in schema converge from converge_relay;
revoke all on schema converge from converge_relay;
revoke all on schema converge from public;
revoke execute on all functions in schema converge from public;
grant usage on schema converge to converge_relay;
-- Charts: counts are added, and leave after a day. They are locked before that, which requires the right to update a column.
grant select, insert, delete, update (at) on converge.counter to converge_relay;
grant select on converge.outbox, converge.outbox_id, converge.source, converge.migration to converge_relay;
grant select, insert, delete on converge.tick to converge_relay;
grant select, insert, update on converge.relay_topic to converge_relay;
grant select, insert on converge.lease to converge_relay;
-- By columns: with the right to update a table goes LOCK TABLE, which would stop every leader of the database.
grant update (name, holder, term, expires_at, server, lost_at) on converge.lease to converge_relay;
grant select, insert, update, delete on converge.relay_cursor, converge.topic_limit to converge_relay;
grant select, update on converge.relay_source to converge_relay;
-- What it measures and removes; not the identity and the epoch of the source.
grant update (max_bytes, refuse, published_id, leaving) on converge.source to converge_relay;
grant select, delete on converge.request to converge_relay;
-- The relay locks rows before it deletes them, which requires the right to update a column.
grant update (created_at) on converge.request to converge_relay;
grant execute on function
  converge.outbox_measure, converge.outbox_add_child, converge.outbox_remove_child, converge.tick_last, converge.kafka_partition, converge.keys_between
  to converge_relay;
-- pg_monitor lets the relay name other roles' transactions that hold retention back. A superuser grants it; without it
-- these transactions have no name.
do $$ begin grant pg_monitor to converge_relay; exception when insufficient_privilege then raise notice 'pg_monitor was not granted to converge_relay'; end $$;
-- The leases of relays, and no other: who takes a lease with the largest term keeps it for good.
do $$ begin
  if not exists (select from pg_policy p where p.polrelid = 'converge.lease'::regclass and p.polname = 'relay') then
    alter table converge.lease enable row level security;
    create policy relay on converge.lease to converge_relay using (name !~ '^(reconcile|scan)/');
  end if;
end $$;
reset search_path;
