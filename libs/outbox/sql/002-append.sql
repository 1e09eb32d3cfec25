-- Writers of one key take turns from nextval to commit, so that id order = commit order per key. Keys are hashed to
-- 2,048 buckets in the kit's own two-int advisory space (0x636f6e77): a bulk emit of any number of keys takes at most
-- 2,048 entries of the lock table.
create function converge.outbox_bucket(topic text, key text) returns int
  language sql immutable strict parallel safe
  as $$ select (hashtextextended((topic || E'\n' || key) collate "C", 0) & 2047)::int $$;

-- Sorted, so that transactions which lock once cannot deadlock each other. The sort is below the volatile call: the
-- subquery has DISTINCT, so it is not pulled up.
create function converge.outbox_lock(topics text[], keys text[]) returns void
  language plpgsql
  as $$
begin
  perform pg_advisory_xact_lock(1668247159, s.bucket)
    from (select distinct converge.outbox_bucket(u.topic, u.key) as bucket
            from unnest(topics, keys) as u (topic, key)
           order by 1) s;
end $$;

-- One round trip: locks in one statement, the insert in a later one. `idle_ms` bounds how long a writer that was frozen
-- before its commit can hold the locks. Returns what resolves a commit whose answer is lost.
create function converge.outbox_append(
  event_ids uuid[], topics text[], keys text[], types text[], headers text[], payloads text[], idle_ms int
) returns table (tx text, last_id text)
  language plpgsql
  as $$
#variable_conflict use_column
declare
  written uuid[];
begin
  if idle_ms > 0 then
    perform set_config('idle_in_transaction_session_timeout', idle_ms::text, true);
  end if;
  perform converge.outbox_lock(topics, keys);
  with inserted as (
    insert into converge.outbox (event_id, topic, key, type, headers, payload)
    select u.event_id, u.topic, u.key, u.type, u.headers, u.payload
      from unnest(event_ids, topics, keys, types, outbox_append.headers, payloads)
           with ordinality as u (event_id, topic, key, type, headers, payload, place)
     order by u.place
    returning event_id, id
  )
  select array_agg(i.event_id), max(i.id)::text into written, last_id from inserted i;
  -- Ids are handed out in the order of insertion. Should a planner ever change that order, refuse rather than reorder.
  if written is distinct from event_ids then
    raise exception 'converge: the events were not inserted in the order given';
  end if;
  tx := pg_current_xact_id()::text;
  return next;
end $$;
