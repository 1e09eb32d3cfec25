-- Functions that applications call in their own transactions depend on no setting of the session: not on search_path,
-- standard_conforming_strings, DateStyle. The SET clause costs an append 10 µs, a tenth of it.

-- Parsed here and now. In an index nowhere, so it may be replaced.
create or replace function converge.outbox_bucket(topic text, key text) returns int
  language sql immutable strict parallel safe
  return (hashtextextended((topic || E'\n' || key) collate "C", 0) & 2047)::int;

-- How long a client may be silent in a transaction that holds keys' locks: `idle_ms`, unless the session is stricter.
create function converge.limit_idle(idle_ms int) returns boolean
  language sql volatile parallel unsafe
  return idle_ms > 0 and case
    when extract(epoch from current_setting('idle_in_transaction_session_timeout')::interval) * 1000 between 1 and idle_ms then false
    else set_config('idle_in_transaction_session_timeout', idle_ms::text, true) is not null end;

create or replace function converge.outbox_append_one(
  event_id uuid, topic text, key text, type text, headers text, payload text, idle_ms int
) returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  last_id bigint;
  done    boolean;
begin
  done := converge.limit_idle(idle_ms);
  if exists (select from converge.outbox_limit l
              where l.refuse and (l.waiting_bytes >= l.max_bytes or l.measured_at < clock_timestamp() - interval '15 s')) then
    perform converge.outbox_admit();
  end if;
  done := pg_advisory_xact_lock(1668247159, converge.outbox_bucket(topic, key)) is null;
  insert into converge.outbox (event_id, topic, key, type, headers, payload)
  values (outbox_append_one.event_id, outbox_append_one.topic, outbox_append_one.key, outbox_append_one.type,
          outbox_append_one.headers, outbox_append_one.payload)
  returning id into last_id;
  return concat(pg_current_xact_id(), ':', last_id);
end $$;

create or replace function converge.outbox_append_all(
  event_ids uuid[], topics text[], keys text[], types text[], headers text[], payloads text[], idle_ms int
) returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
declare
  written uuid[];
  last_id bigint;
  done    boolean;
begin
  done := converge.limit_idle(idle_ms);
  if exists (select from converge.outbox_limit l
              where l.refuse and (l.waiting_bytes >= l.max_bytes or l.measured_at < clock_timestamp() - interval '15 s')) then
    perform converge.outbox_admit();
  end if;
  perform converge.outbox_lock(topics, keys);
  with inserted as (
    insert into converge.outbox (event_id, topic, key, type, headers, payload)
    select u.event_id, u.topic, u.key, u.type, u.headers, u.payload
      from unnest(event_ids, topics, keys, types, outbox_append_all.headers, payloads)
           with ordinality as u (event_id, topic, key, type, headers, payload, place)
     order by u.place
    returning event_id, id
  )
  select array_agg(i.event_id), max(i.id) into written, last_id from inserted i;
  -- Ids are handed out in the order of insertion. Should a planner ever change that order, refuse rather than reorder.
  if written is distinct from event_ids then
    raise exception 'converge: the events were not inserted in the order given';
  end if;
  return concat(pg_current_xact_id(), ':', last_id);
end $$;

alter function converge.outbox_append(uuid[], text[], text[], text[], text[], text[], int) set search_path = pg_catalog, pg_temp;
alter function converge.outbox_admit() set search_path = pg_catalog, pg_temp;
alter function converge.outbox_lock(text[], text[]) set search_path = pg_catalog, pg_temp;
alter function converge.new_uuid_v7() set search_path = pg_catalog, pg_temp;
alter function converge.is_json(text) set search_path = pg_catalog, pg_temp;
alter function converge.outbox_add_child(int, bigint) set search_path = pg_catalog, pg_temp;
alter function converge.outbox_add_child(int, bigint) set standard_conforming_strings = on;
alter function converge.emit_check(text, text, text, text, int) set search_path = pg_catalog, pg_temp;
alter function converge.emit_check(text, text, text, text, int) set standard_conforming_strings = on;
alter function converge.emit_check_headers(text) set search_path = pg_catalog, pg_temp;
alter function converge.emit_check_headers(text) set standard_conforming_strings = on;

-- As before; it finds pg_catalog under any search_path.
create or replace function converge.emit(
  topic text, key text, type text, payload text, headers text default '{}', version int default 1
) returns uuid
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  id     uuid := converge.new_uuid_v7();
  stored text;
begin
  perform converge.emit_check(topic, key, type, payload, version);
  perform converge.emit_check_headers(headers);
  stored := json_build_object('ce_dataschema', 'urn:converge:' || type || ':' || version,
                              'content-type', 'application/json', 'ce_correlationid', id)::text;
  if headers::jsonb <> '{}'::jsonb then
    select json_object_agg(e.key, e.value)::text into stored
      from (select * from json_each_text(stored::json) union all select * from json_each_text(headers::json)) e;
  end if;
  perform converge.outbox_append_one(id, topic, key, type, stored, payload,
    case when current_setting('idle_in_transaction_session_timeout') = '0' then 60000 else 0 end);
  return id;
end $$;
