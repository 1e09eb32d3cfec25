set search_path = pg_catalog, pg_temp;
-- converge_writer: a service that emits events, and does nothing else with the kit.
-- It cannot choose an event's id, xid or time, and cannot change or read what it wrote.
do $$ begin create role converge_writer nologin; exception when duplicate_object or unique_violation then null; end $$;
-- What was granted before, and is not below, is taken away: with the rights to a table those to its columns.
revoke all on all tables in schema converge from converge_writer;
revoke all on all sequences in schema converge from converge_writer;
revoke all on all functions in schema converge from converge_writer;
revoke all on schema converge from converge_writer;
revoke all on schema converge from public;
revoke execute on all functions in schema converge from public;
grant usage on schema converge to converge_writer;
grant insert (event_id, topic, key, type, headers, payload, search) on converge.outbox to converge_writer;
-- The columns are read by `returning` and by the look-up of a lost commit.
grant select (event_id, id, xid) on converge.outbox to converge_writer;
grant usage on sequence converge.outbox_id to converge_writer;
grant select, insert, update on converge.request to converge_writer;
grant select on converge.source, converge.topic_limit, converge.migration to converge_writer;
grant execute on function
  converge.emit, converge.emit_check, converge.emit_check_headers, converge.emit_check_readable, converge.is_json, converge.new_uuid_v7,
  converge.outbox_admit, converge.outbox_measure, converge.outbox_append_all, converge.outbox_append_one, converge.outbox_bucket, converge.outbox_large_rules, converge.outbox_lock, converge.outbox_wait, converge.limit_idle
  to converge_writer;
reset search_path;
