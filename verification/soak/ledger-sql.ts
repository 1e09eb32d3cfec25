/**
 * The ground truth, in a separate schema: which event was committed as the n-th of its key. A row is written in the
 * transaction that emits, so that a crash undoes both or neither. The kit is used as services use it:
 * `converge.outbox_append` as its client calls it, `converge.emit` as SQL calls it.
 */
export const ledgerSql = `
create schema soak;
-- The row lock of a key is held until the commit, so n counts its events in commit order.
create table soak.counter (
  topic text, key text, kind text not null, n int not null default 0, primary key (topic, key)
) with (fillfactor = 40);
create table soak.ledger (
  topic text, key text, n int, event_id uuid not null, crc bigint not null, primary key (topic, key, n)
);
create table soak.takeover (term bigint not null, at timestamptz not null, cursors jsonb not null);

-- At the end of the transaction that took the lease: the cursors are those with which the new leader begins.
create function soak.note_takeover() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.term = old.term then return null; end if;
  insert into soak.takeover
  select new.term, clock_timestamp(), coalesce(jsonb_agg(jsonb_build_object('topic', c.topic, 'partition', c.partition,
           'position', c.epoch || '.' || c.tick || '.' || c.id)), '[]')
    from converge.relay_cursor c;
  return null;
end $$;
create constraint trigger note_takeover after insert or update on converge.lease
  deferrable initially deferred for each row execute function soak.note_takeover();

-- Counts the events up and returns the n of each, in the order given.
create function soak.next(topics text[], keys text[]) returns int[] language plpgsql as $$
declare
  numbers int[];
begin
  perform from soak.counter c where (c.topic, c.key) in (select * from unnest(topics, keys)) order by c.topic, c.key for update;
  with wanted as (select u.topic, u.key, count(*)::int as events from unnest(topics, keys) as u (topic, key) group by 1, 2),
       counted as (update soak.counter c set n = c.n + w.events from wanted w
                    where c.topic = w.topic and c.key = w.key returning c.topic, c.key, c.n - w.events as base),
       given as (select u.topic, u.key, u.place, row_number() over (partition by u.topic, u.key order by u.place) as nth
                   from unnest(topics, keys) with ordinality as u (topic, key, place))
  select array_agg(c.base + g.nth order by g.place) into numbers from given g join counted c using (topic, key);
  return numbers;
end $$;

create function soak.payload(n int, size int) returns text language sql immutable
  as $$ select '{"n":' || n || ',"pad":"' || rpad('é 世界 🙂 ', size, 'abcdefghij klmno pqrst') || '"}' $$;

create function soak.note(topics text[], keys text[], numbers int[], ids uuid[], payloads text[]) returns void language sql
  as $$ insert into soak.ledger
        select u.topic, u.key, u.n, u.id, crc32(convert_to(u.payload, 'UTF8'))
          from unnest(topics, keys, numbers, ids, payloads) as u (topic, key, n, id, payload) $$;

-- A whole transaction's worth in one round trip. Returns the transaction's id. Relaxed: its commit does not wait for the
-- disk, whatever the session's setting.
create function soak.write(topics text[], keys text[], sizes int[], relaxed boolean) returns text language plpgsql as $$
declare
  numbers  int[] := soak.next(topics, keys);
  ids      uuid[];
  payloads text[];
begin
  select array_agg(uuidv7() order by u.place), array_agg(soak.payload(u.n, u.size) order by u.place) into ids, payloads
    from unnest(numbers, sizes) with ordinality as u (n, size, place);
  perform converge.outbox_append(ids, topics, keys, array_fill('soak.event'::text, array[cardinality(ids)]),
    array_fill('{"ce_dataschema":"urn:converge:soak.event:1","content-type":"application/json"}'::text, array[cardinality(ids)]),
    payloads, 0);
  perform soak.note(topics, keys, numbers, ids, payloads);
  if relaxed then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  return pg_current_xact_id()::text;
end $$;

-- The same for one event by the way of SQL and triggers.
create function soak.emit(in_topic text, in_key text, size int) returns text language plpgsql as $$
declare
  number  int  := (soak.next(array[in_topic], array[in_key]))[1];
  payload text := soak.payload(number, size);
begin
  perform soak.note(array[in_topic], array[in_key], array[number],
    array[converge.emit(in_topic, in_key, 'soak.event', payload, '{"tenant":"soak"}')], array[payload]);
  return pg_current_xact_id()::text;
end $$;
`;

/**
 * Creates the keys. Lonely keys share their lock with no other key: a transaction that stays open for seconds on one of
 * them blocks no other, as in a service with a steady load.
 */
export const populateSql = `
  insert into soak.counter (topic, key, kind)
  select $1::text, kind || i, kind from (values ('hot', $2::int), ('cold', $3::int)) as v (kind, amount), generate_series(1, amount) i;`;
export const lonelySql = `
  insert into soak.counter (topic, key, kind)
  select $1::text, 'lonely' || i, 'lonely' from generate_series(1, 2000) i
   where converge.outbox_bucket($1::text, 'lonely' || i) not in (select converge.outbox_bucket(c.topic, c.key) from soak.counter c)
   limit 40;`;
