-- The append of one event, which is what most transactions make: 69 µs of the server's CPU where the general one takes
-- 180 (measured on one connection; an INSERT alone takes 56). What makes the difference: values instead of arrays to take
-- apart, sort and compare; a scalar result, since a function in FROM is planned anew at each call; and plain expressions
-- for lock and setting, which plpgsql evaluates without running a statement.
--
-- The rules are those of 002-append: the lock is taken before the insert begins, whose snapshot and nextval so come
-- after it; the setting is local to the transaction. Returns `xid:id`, which resolves a commit whose answer is lost.
create function converge.outbox_append_one(
  event_id uuid, topic text, key text, type text, headers text, payload text, idle_ms int
) returns text
  language plpgsql
  as $$
declare
  last_id bigint;
  done    boolean;
begin
  if idle_ms > 0 then
    done := set_config('idle_in_transaction_session_timeout', idle_ms::text, true) is null;
  end if;
  done := pg_advisory_xact_lock(1668247159, converge.outbox_bucket(topic, key)) is null;
  insert into converge.outbox (event_id, topic, key, type, headers, payload)
  values (outbox_append_one.event_id, outbox_append_one.topic, outbox_append_one.key, outbox_append_one.type,
          outbox_append_one.headers, outbox_append_one.payload)
  returning id into last_id;
  return pg_current_xact_id()::text || ':' || last_id::text;
end $$;

-- Several events, in the order of the arrays; as 002-append, with a scalar result.
create function converge.outbox_append_all(
  event_ids uuid[], topics text[], keys text[], types text[], headers text[], payloads text[], idle_ms int
) returns text
  language plpgsql
  as $$
#variable_conflict use_column
declare
  written uuid[];
  last_id bigint;
  done    boolean;
begin
  if idle_ms > 0 then
    done := set_config('idle_in_transaction_session_timeout', idle_ms::text, true) is null;
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
  return pg_current_xact_id()::text || ':' || last_id::text;
end $$;

-- For code of the version before.
create or replace function converge.outbox_append(
  event_ids uuid[], topics text[], keys text[], types text[], headers text[], payloads text[], idle_ms int
) returns table (tx text, last_id text)
  language plpgsql
  as $$
declare
  written text := converge.outbox_append_all(event_ids, topics, keys, types, headers, payloads, idle_ms);
begin
  tx := split_part(written, ':', 1);
  last_id := split_part(written, ':', 2);
  return next;
end $$;

create or replace function converge.emit(
  topic text, key text, type text, payload text, headers text default '{}', version int default 1
) returns uuid
  language plpgsql
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
