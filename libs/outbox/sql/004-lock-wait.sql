-- Any login of the database may hold the advisory locks of keys, and then every emit waited without end. An append waits for a
-- lock twice as long as the server lets its holder be silent, unless the session has a limit of its own. 55P03 is the error,
-- OUTBOX_LOCKED in TypeScript. Two settings cost an append 1 µs; they hold for the lock alone, since deferred constraints of
-- the application may wait longer.
create function converge.limit_lock_wait(idle_ms int) returns boolean
  language sql volatile parallel unsafe
  return current_setting('lock_timeout') = '0'
     and set_config('lock_timeout', case when idle_ms > 0 then least(2::bigint * idle_ms, 2147483647) else 60000 end::text, true) is not null;

create or replace function converge.outbox_append_one(
  event_id uuid, topic text, key text, type text, headers text, payload text, idle_ms int
) returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  last_id bigint;
  done    boolean;
  limited boolean;
begin
  done := converge.limit_idle(idle_ms);
  if exists (select from converge.outbox_limit l
              where l.refuse and (l.waiting_bytes >= l.max_bytes or l.measured_at < clock_timestamp() - interval '15 s')) then
    perform converge.outbox_admit();
  end if;
  limited := converge.limit_lock_wait(idle_ms);
  done := pg_advisory_xact_lock(1668247159, converge.outbox_bucket(topic, key)) is null;
  if limited then
    done := set_config('lock_timeout', '0', true) is not null;
  end if;
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
  limited boolean;
begin
  done := converge.limit_idle(idle_ms);
  if exists (select from converge.outbox_limit l
              where l.refuse and (l.waiting_bytes >= l.max_bytes or l.measured_at < clock_timestamp() - interval '15 s')) then
    perform converge.outbox_admit();
  end if;
  limited := converge.limit_lock_wait(idle_ms);
  perform converge.outbox_lock(topics, keys);
  if limited then
    done := set_config('lock_timeout', '0', true) is not null;
  end if;
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
