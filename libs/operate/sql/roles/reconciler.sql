set search_path = pg_catalog, pg_temp;
-- converge_reconciler: the process that repairs. It emits (it is a writer, too), and appends to its audit.
do $$ begin create role converge_reconciler nologin; exception when duplicate_object or unique_violation then null; end $$;
-- What was granted before, and is not below, is taken away: with the rights to a table those to its columns.
revoke all on all tables in schema converge from converge_reconciler;
revoke all on all sequences in schema converge from converge_reconciler;
revoke all on all functions in schema converge from converge_reconciler;
revoke all on schema converge from converge_reconciler;
revoke all on schema converge from public;
revoke execute on all functions in schema converge from public;
grant usage on schema converge to converge_reconciler;
-- Charts: counts are added, and leave after a day. They are locked before that, which requires the right to update a column.
grant select, insert, delete, update (at) on converge.counter to converge_reconciler;
grant converge_writer to converge_reconciler;
grant select, insert, update, delete on converge.reconcile_key to converge_reconciler;
grant select, insert, update on converge.reconciler to converge_reconciler;
grant select, insert on converge.lease to converge_reconciler;
-- By columns: with the right to update a table goes LOCK TABLE, which would stop every leader of the database.
grant update (name, holder, term, expires_at, server, lost_at) on converge.lease to converge_reconciler;
grant select, insert, update, delete on converge.reconcile_run to converge_reconciler;
-- The number and the time of an audit row, by which it leaves, are the database's.
grant select, insert (reconciler, key, desired, before, after, drift, why, cause, actor, term, verdict) on converge.reconcile_audit to converge_reconciler;
grant usage on sequence converge.reconcile_term to converge_reconciler;
grant select, insert, delete on converge.reconcile_dirty to converge_reconciler;
-- The tables of events that may be in flight are read only.
grant select on converge.inbox_gap, converge.inbox_partition, converge.inbox_watermark, converge.inbox_consumer, converge.parked_key,
  converge.saga_pause, converge.relay_source, converge.relay_topic, converge.relay_cursor,
  converge.tick, converge.policy, converge.source to converge_reconciler;
-- Not their payloads, headers and reasons, nor the events of steps.
grant select (xid, id, event_id, topic, key, type, created_at) on converge.outbox to converge_reconciler;
grant select (id, consumer, topic, partition, line, seq, state, event_id, type, source, key, record_key) on converge.parked to converge_reconciler;
grant select (saga, instance, step, version, consumer, key, state, seq, stuck_since, created_at, changed_at, stripped_at) on converge.saga_fence to converge_reconciler;
grant select (saga, instance, version, key, state, started_at, first_at, failed_at, ended_at, expires_at, expired_at, changed_at) on converge.saga_instance to converge_reconciler;
grant select (consumer, topic, partition) on converge.inbox_fill to converge_reconciler;
-- Not the inputs and outcomes of calls and workflows.
grant select (id, call, key, step, state, waits_since, saga, instance, op) on converge.saga_work to converge_reconciler;
grant select (workflow, id, stuck_reason, state, due_at, created_at) on converge.workflow to converge_reconciler;
grant execute on function converge.inbox_open_gaps, converge.keys_between, converge.kafka_partition, converge.tick_last,
  converge.frontier, converge.events_since, converge.outbox_since, converge.relay_doubt, converge.inbox_arrival, converge.inbox_parked, converge.saga_open,
  converge.reconcile_audit_prune to converge_reconciler;
-- The leases of reconcilers and their scans, and not the relay's: whether one leads is seen.
do $$ begin
  if not exists (select from pg_policy p where p.polrelid = 'converge.lease'::regclass and p.polname = 'reconciler') then
    alter table converge.lease enable row level security;
    create policy reconciler on converge.lease to converge_reconciler using (name ~ '^(reconcile|scan)/');
    create policy reconciler_looks on converge.lease for select to converge_reconciler using (true);
  end if;
end $$;
reset search_path;
