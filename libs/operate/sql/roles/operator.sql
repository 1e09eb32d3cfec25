set search_path = pg_catalog, pg_temp;
-- converge_operator: people who act through `converge`: retry, skip, resume, resolve, replay, policies. It reads everything, emits,
-- and leaves rows in the audit by a function of the owner: it can neither change one nor choose its time and its login.
do $$ begin create role converge_operator nologin; exception when duplicate_object or unique_violation then null; end $$;
-- What was granted before, and is not below, is taken away: with the rights to a table those to its columns.
revoke all on all tables in schema converge from converge_operator;
revoke all on all sequences in schema converge from converge_operator;
revoke all on all functions in schema converge from converge_operator;
revoke all on schema converge from converge_operator;
revoke all on schema converge from public;
revoke execute on all functions in schema converge from public;
grant usage on schema converge to converge_operator;
grant converge_read, converge_writer to converge_operator;
grant select, insert, update, delete on converge.parked_key, converge.parked to converge_operator;
grant execute on function converge.record_act to converge_operator;
-- Acts that change rows and write their audit row in one: the operator has no right to these rows.
grant execute on function converge.act_saga_pause, converge.act_saga_resume, converge.act_consumers_types_drop to converge_operator;
grant insert on converge.inbox_fill, converge.workflow_step to converge_operator;
grant insert, update, delete on converge.inbox_watermark, converge.saga_work to converge_operator;
-- The partitions that an operator accepts have cursors from then on.
grant insert on converge.relay_cursor to converge_operator;
-- A topic that is forgotten leaves.
grant delete on converge.relay_cursor, converge.relay_topic to converge_operator;
grant update on converge.inbox_partition, converge.inbox_gap, converge.workflow, converge.saga_instance, converge.relay_topic,
  converge.relay_cursor, converge.relay_source, converge.reconciler, converge.reconcile_key to converge_operator;
-- As for a consumer: not the columns by which a step and its journal are found.
grant update (state, seq, changed_at, stuck_since, reason_code, reason, cause_event, cause_attempt, failed_calls, journal, undo,
  result, intent) on converge.saga_fence to converge_operator;
-- The limit of the outbox, and not what leaves it: the owner's relay drops that.
grant update (max_bytes, refuse) on converge.source to converge_operator;
grant delete on converge.inbox_attempt, converge.inbox_foreign, converge.inbox_fill to converge_operator;
grant insert, update on converge.reconcile_key, converge.policy to converge_operator;
grant insert on converge.lease to converge_operator;
-- By columns, without LOCK TABLE, as for those who lead.
grant update (name, holder, term, expires_at, server, lost_at) on converge.lease to converge_operator;
grant insert on converge.reconciler to converge_operator;
grant usage on sequence converge.policy_version to converge_operator;
-- A rebase holds the relay's lease.
do $$ begin
  if not exists (select from pg_policy p where p.polrelid = 'converge.lease'::regclass and p.polname = 'operator') then
    alter table converge.lease enable row level security;
    create policy operator on converge.lease to converge_operator using (true);
  end if;
end $$;
reset search_path;
