set search_path = pg_catalog, pg_temp;
-- converge_consumer: a service that consumes events, takes part in sagas and emits (it is a writer, too). The role
-- appends to journals and cannot change their rows.
do $$ begin create role converge_consumer nologin; exception when duplicate_object or unique_violation then null; end $$;
-- What was granted before, and is not below, is taken away: with the rights to a table those to its columns.
revoke all on all tables in schema converge from converge_consumer;
revoke all on all sequences in schema converge from converge_consumer;
revoke all on all functions in schema converge from converge_consumer;
revoke all on schema converge from converge_consumer;
revoke all on schema converge from public;
revoke execute on all functions in schema converge from public;
grant usage on schema converge to converge_consumer;
-- Charts: counts are added, and leave after a day. They are locked before that, which requires the right to update a column.
grant select, insert, delete, update (at) on converge.counter to converge_consumer;
grant converge_writer to converge_consumer;
grant select, insert, update on converge.inbox_consumer, converge.inbox_partition, converge.inbox_watermark, converge.inbox_gap
  to converge_consumer;
grant select, insert, update, delete on converge.parked_key, converge.parked, converge.inbox_foreign to converge_consumer;
grant select, insert, delete on converge.inbox_attempt to converge_consumer;
-- Old attempts are locked before they are deleted, which requires the right to update a column.
grant update (started_at) on converge.inbox_attempt to converge_consumer;
grant select, delete on converge.inbox_fill to converge_consumer;
grant select on converge.policy to converge_consumer;
-- When an operator let as many events again be given up.
grant select (at, act, subject_kind, subject_id, before, after) on converge.audit to converge_consumer;
grant select, insert on converge.saga_fence to converge_consumer;
-- Not the columns by which a step is found, nor its version, which its journal leaves out: the journal would be another step's.
grant update (state, seq, changed_at, stuck_since, reason_code, reason, cause_event, cause_attempt, failed_calls,
  journal, undo, result, intent) on converge.saga_fence to converge_consumer;
grant select, insert, update, delete on converge.saga_join, converge.saga_start, converge.saga_instance, converge.saga_work,
  converge.saga_worker, converge.saga_horizon to converge_consumer;
-- Workers take calls of the quotas of other systems.
grant select, insert, update on converge.call_quota to converge_consumer;
-- An operator pauses sagas; workers read it.
grant select on converge.saga_pause to converge_consumer;
grant select, insert, update on converge.workflow to converge_consumer;
-- Journals: decisions are added; none is changed. They leave by functions of the owner, when what they tell of has ended and is a
-- day old at least. `converge saga verify` finds rows that are missing.
grant select on converge.saga_step to converge_consumer;
-- The time of an entry, by which a journal leaves, is the database's.
grant select, insert (workflow, id, seq, kind, step, path, data, term) on converge.workflow_step to converge_consumer;
grant execute on function converge.inbox_open_gaps, converge.inbox_drop_type, converge.saga_forget, converge.workflow_forget to converge_consumer;
-- A handler marks the keys that it changed, for the next digest scan, or queues them for a reconciler of its database.
grant insert on converge.reconcile_dirty to converge_consumer;
grant insert (reconciler, key, state, priority, next_at, window_started_at, cause),
  update (dirty, state, priority, cause, next_at, failures, repairs, window_started_at, updated_at),
  select (reconciler, key, dirty, state, priority, cause, next_at, failures, repairs, window_started_at) on converge.reconcile_key to converge_consumer;
reset search_path;
