-- One row: the identity of this source, how many bytes of its events may wait to be published, and what leaves to make room.
create table converge.source (
  -- Consumers know a source by the uuid alone (decision 47); the name is for people, and for keys of signatures.
  id            uuid        primary key default gen_random_uuid(),
  name          text        not null check (name <> ''),
  epoch         int         not null default 1 check (epoch > 0),
  created_at    timestamptz not null default clock_timestamp(),
  only_row      boolean     not null default true unique check (only_row),
  -- Waiting bytes at most, with indexes. null: no limit.
  max_bytes     bigint      check (max_bytes > 0),
  -- True: at the limit emits are refused. False: an alarm only.
  refuse        boolean     not null default false,
  -- Every id up to here is published, as the relay reported last.
  published_id  bigint      not null default 0,
  -- Measured by the relay that leads, every few seconds, and by a writer when no relay did.
  total_bytes   bigint      not null default 0,
  waiting_bytes bigint      not null default 0,
  measured_at   timestamptz not null default '-infinity',
  -- An earlier measurement, a minute old or older: the growth since gives the forecast.
  base_bytes    bigint      not null default 0,
  base_at       timestamptz not null default '-infinity',
  -- Children that may be removed: every event of theirs is in the log and past its time. Written, fenced by the relay's lease,
  -- before the first step of a removal, which takes three transactions: so the next relay knows after a crash which detached
  -- tables it may drop. A child that an operator detached to keep it is not in here, and is left alone.
  leaving       text[]      not null default '{}'
) with (fillfactor = 50);
insert into converge.source (name) values (current_database());
-- An append near the limit reads these. Sizes are no secret to a role that may use the schema.
grant select (max_bytes, refuse, waiting_bytes, measured_at) on converge.source to public;

-- What every append looks at. 0: no emit is refused; else twice the second of the last measurement, plus 1 if the outbox was full
-- then. A sequence, whose value is written in place: while a snapshot is held, a row that is updated every few seconds has
-- thousands of versions after a day, and each append would pass over all of them.
create sequence converge.outbox_room as bigint minvalue 0 start 0 cache 1;
grant select on sequence converge.outbox_room to public;

-- CACHE 1: a session that kept numbers back would hand out low ids after others had committed higher ones.
create sequence converge.outbox_id as bigint cache 1;

-- The events. Append-only: no UPDATE, no DELETE, no status column. Rows leave by whole children.
create table converge.outbox (
  -- First column: column defaults are evaluated in order, so a row's xid is assigned before its id. The relay's paged
  -- read relies on it.
  xid        xid8        not null default pg_current_xact_id(),
  id         bigint      not null default nextval('converge.outbox_id'),
  -- Made by the writer and never a serial: ids are handed out again after a crash.
  event_id   uuid        not null,
  topic      text        not null,
  key        text        not null,
  type       text        not null,
  headers    text        not null,
  payload    text        not null,
  created_at timestamptz not null default clock_timestamp(),
  -- Digests of the fields that the event's definition names to search by (libs/contracts/src/search.ts). null: none.
  search     bigint[],
  primary key (id)
) partition by range (id);
alter sequence converge.outbox_id owned by converge.outbox.id;
create index outbox_xid on converge.outbox (xid);
-- One row has several digests, so no btree. Partial: a row without any has no entry. Without `fastupdate`, whose list of pending
-- entries one emit in thousands would have to merge, holding its keys. It leaves with its child, as the events do. An append without
-- fields pays 1.5 µs of CPU for the index (2 %), one with two 6 µs; a table of its own would cost nothing and 9, and have to be emptied.
create index outbox_search on converge.outbox using gin (search) with (fastupdate = off) where search is not null;

-- Topics of which a record may be smaller than the table admits, with the broker's limit (max.message.bytes): one larger event
-- would hold its partition. Written by the relay, and usually empty.
create table converge.topic_limit (
  topic     text primary key,
  max_bytes int  not null check (max_bytes > 0)
);
grant select on converge.topic_limit to public;

-- The rules of a row that is large or has many headers; such rows are few, so these may take the time of a path of their own.
create function converge.outbox_large_rules(event_id uuid, topic text, key text, headers text, payload text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  named  bigint;
  limited int;
  -- What the relay adds: the key twice, its own headers and frames.
  size   int := octet_length(payload) + octet_length(headers) + 2 * octet_length(key) + 1024;
begin
  select count(*) into named from json_object_keys(headers::json);
  if named > 240 then
    raise exception 'converge.outbox refuses event %: it has % headers, and consumers read 256 with those of the relay', event_id, named
      using errcode = 'check_violation', schema = 'converge', table = 'outbox', constraint = 'outbox_rules', hint = 'emit events by converge.emit, or by the outbox of the kit';
  end if;
  select l.max_bytes into limited from converge.topic_limit l where l.topic = outbox_large_rules.topic;
  if limited < size then
    raise exception 'converge.outbox refuses event %: it takes up to % bytes in the log, and topic % admits records of % (max.message.bytes)', event_id, size, topic, limited
      using errcode = 'check_violation', schema = 'converge', table = 'outbox', constraint = 'outbox_topic_limit', hint = 'store large content elsewhere and send a reference, or raise max.message.bytes of the topic';
  end if;
end $$;

-- The rules of a row. A CHECK would be parsed again for each statement: more than half of an insert (decision 44). It runs
-- for each row, and a path of its own would cost 3 µs more: it names the schema of its operators instead.
create function converge.outbox_rules() returns trigger
  language plpgsql
  as $$
begin
  -- An id that JavaScript cannot hold exactly, written by hand, would stop the relay. A row that is inserted past `emit` obeys the
  -- limits of `emit` too: a key of 200 MB would take a gigabyte of the relay, and fits into no record, so its topic would be
  -- halted for good.
  if new.id operator(pg_catalog.<) 1 or new.id operator(pg_catalog.>) 9007199254740991
     or pg_catalog.octet_length(new.payload) operator(pg_catalog.+) pg_catalog.octet_length(new.headers) operator(pg_catalog.>) 921600
     or pg_catalog.octet_length(new.topic) operator(pg_catalog.>) 249 or new.topic operator(pg_catalog.=) ''
     or pg_catalog.octet_length(new.key) operator(pg_catalog.>) 1024 or new.key operator(pg_catalog.=) ''
     or pg_catalog.octet_length(new.type) operator(pg_catalog.>) 200 or new.type operator(pg_catalog.=) '' then
    raise exception 'converge.outbox refuses event %: its id is 1 to 2^53 - 1, its topic has 1 to 249 bytes, its key 1 to 1024, its type 1 to 200, payload and headers 921600 together', new.event_id
      using errcode = 'check_violation', schema = 'converge', table = 'outbox', constraint = 'outbox_rules', hint = 'emit events by converge.emit, or by the outbox of the kit';
  end if;
  -- Fewer bytes hold no 240 headers.
  if pg_catalog.octet_length(new.headers) operator(pg_catalog.>) 1024 or pg_catalog.octet_length(new.payload) operator(pg_catalog.>) 8192 then
    perform converge.outbox_large_rules(new.event_id, new.topic, new.key, new.headers, new.payload);
  end if;
  return new;
end $$;
create trigger outbox_rules before insert or update on converge.outbox for each row execute function converge.outbox_rules();
alter table converge.outbox enable always trigger outbox_rules;

-- A row belongs to the transaction that inserts it: the relay reads by transaction ids. One with another's was loaded from a dump
-- (`pg_restore --data-only`) into a database that is another source, which would publish it once more. Not `enable always`: a replica
-- takes over ids as they are.
create function converge.outbox_refuse_loaded() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  raise exception 'converge.outbox refuses event %: it was written by transaction %, and this is another: rows of another database are not loaded into one that `converge migrate` made', new.event_id, new.xid
    using errcode = 'check_violation', schema = 'converge', table = 'outbox', constraint = 'outbox_loaded',
          hint = 'restore schema and rows together into an empty database (docs/guides/restore.md)';
end $$;
create trigger outbox_loaded before insert on converge.outbox for each row
  when (new.xid <> pg_current_xact_id()) execute function converge.outbox_refuse_loaded();

-- Children are named by their lower bound; the last one has no upper bound, so an emit never lacks a place.
create table converge.outbox_0       partition of converge.outbox for values from (minvalue) to (1000000);
create table converge.outbox_1000000 partition of converge.outbox for values from (1000000) to (2000000);
create table converge.outbox_last    partition of converge.outbox for values from (2000000) to (maxvalue);

-- Requests that were answered, written in the transaction that did the work.
create table converge.request (
  key          text        primary key,
  request_hash text        not null,
  result       text,
  created_at   timestamptz not null default clock_timestamp()
);
create index request_created_at on converge.request (created_at);

-- Functions that applications call in their own transactions depend on no setting of the session: not on search_path,
-- standard_conforming_strings, DateStyle. The SET clause costs an append 10 µs, a tenth of it.

-- Writers of one key take turns from nextval to commit, so that id order = commit order per key. Keys are hashed to
-- 2,048 buckets in the kit's own two-int advisory space (0x636f6e77): a bulk emit of any number of keys takes at most
-- 2,048 entries of the lock table.
create function converge.outbox_bucket(topic text, key text) returns int
  language sql immutable strict parallel safe
  return (hashtextextended((topic || E'\n' || key) collate "C", 0) & 2047)::int;

-- Waits for the lock of a bucket that another session holds. Any login of the database may take these locks, so the wait ends: after
-- twice the time that the server lets a holder be silent, unless the session has a limit of its own. That limit holds for the lock
-- alone, since deferred constraints of the application may wait longer. The error names the holder (55P03, OUTBOX_LOCKED in
-- TypeScript): each login sees pid, login and application of a session; its time only with pg_read_all_stats.
create function converge.outbox_wait(bucket int, idle_ms int) returns boolean
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  holder  record;
  limited boolean := current_setting('lock_timeout') = '0';
  done    boolean;
begin
  if limited then
    done := set_config('lock_timeout', case when idle_ms > 0 then least(2::bigint * idle_ms, 2147483647) else 60000 end::text, true) is not null;
  end if;
  done := pg_advisory_xact_lock(1668247159, bucket) is null;
  if limited then
    done := set_config('lock_timeout', '0', true) is not null;
  end if;
  return true;
exception when lock_not_available then
  select coalesce(format('session %s (login %s, application "%s"%s)', l.pid, a.usename, a.application_name,
                         ', since ' || coalesce(a.xact_start, a.state_change)::text), 'a prepared transaction') as name,
         coalesce(format('select pg_terminate_backend(%s)', l.pid), 'select * from pg_prepared_xacts') as next
    into holder
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
   where l.locktype = 'advisory' and l.classid = 1668247159 and l.objid = bucket and l.objsubid = 2 and l.granted
     and l.database = (select d.oid from pg_database d where d.datname = current_database())
   limit 1;
  raise exception 'converge: % holds the lock of an event''s key for longer than lock_timeout, or twice idleTimeoutMs',
    coalesce(holder.name, 'another session')
    using errcode = '55P03', constraint = 'outbox_key_lock',
          hint = format('nothing was written: repeat it, or end the holder: %s', coalesce(holder.next, 'it has left meanwhile'));
end $$;

-- Locks the buckets of keys. Sorted, so that transactions which lock once cannot deadlock each other: each is waited for before the
-- next is looked at. The sort is below the volatile call: the subquery has DISTINCT, so it is not pulled up.
create function converge.outbox_lock(topics text[], keys text[], idle_ms int) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  perform case when not pg_try_advisory_xact_lock(1668247159, s.bucket) then converge.outbox_wait(s.bucket, idle_ms) end
    from (select distinct converge.outbox_bucket(u.topic, u.key) as bucket
            from unnest(topics, keys) as u (topic, key)
           order by 1) s;
end $$;

-- Bounds how long a client may be silent in a transaction that holds keys' locks: `idle_ms`, unless the session is stricter.
create function converge.limit_idle(idle_ms int) returns boolean
  language sql volatile parallel unsafe
  return idle_ms > 0 and case
    when extract(epoch from current_setting('idle_in_transaction_session_timeout')::interval) * 1000 between 1 and idle_ms then false
    else set_config('idle_in_transaction_session_timeout', idle_ms::text, true) is not null end;

-- Measures the outbox: sizes of files, and the share of each child's ids that is not published; no row is read. For every role
-- that may emit, so with the rights of its owner. A measurement that another session makes is not waited for. In a
-- repeatable-read transaction that began before the last measurement, the row to lock has another version than the visible one,
-- a serialization failure (40001): it must not fail the emit, and the measurement of the other session holds.
create function converge.outbox_measure() returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  published bigint;
  newest    bigint;
  total     bigint;
  waiting   bigint;
begin
  select l.published_id into published from converge.source l for update skip locked;
  if not found then
    return;
  end if;
  select s.last_value - (not s.is_called)::int into newest from converge.outbox_id s;
  with child as (
    select pg_total_relation_size(c.oid) as bytes,
           coalesce(substring(b.bound from $re$FROM \('?(\d+)'?\)$re$)::numeric, 1) as lower,
           least(coalesce(substring(b.bound from $re$TO \('?(\d+)'?\)$re$)::numeric, newest + 1), newest + 1) as until
      from pg_inherits i join pg_class c on c.oid = i.inhrelid,
           lateral (select pg_get_expr(c.relpartbound, c.oid) as bound) b
     where i.inhparent = 'converge.outbox'::regclass
  )
  select coalesce(sum(bytes), 0),
         coalesce(sum(trunc(bytes * (until - greatest(lower, published + 1)) / (until - lower)))
                    filter (where until > greatest(lower, published + 1)), 0)
    into total, waiting
    from child;
  update converge.source l
     set total_bytes = total, waiting_bytes = waiting, measured_at = clock_timestamp(),
         base_bytes = case when l.base_at < clock_timestamp() - interval '60 s' then l.waiting_bytes else l.base_bytes end,
         base_at = case when l.base_at < clock_timestamp() - interval '60 s' then l.measured_at else l.base_at end;
  perform setval('converge.outbox_room',
                 case when l.refuse and l.max_bytes is not null
                      then 2 * extract(epoch from clock_timestamp())::bigint + (waiting >= l.max_bytes)::int else 0 end)
     from converge.source l;
exception when serialization_failure then
  return;
end $$;

-- A limit that was changed by hand holds for the next append: it looks at the row, whatever was measured before. As the owner, since
-- who may change the limit need not be able to write the sequence.
create function converge.outbox_room_unknown() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  perform setval('converge.outbox_room', 1);
  return null;
end $$;
create trigger source_limit after update of max_bytes, refuse on converge.source for each row
  when (new.max_bytes is distinct from old.max_bytes or new.refuse is distinct from old.refuse)
  execute function converge.outbox_room_unknown();

-- Refuses an append when the limit is reached; measures first if the last measurement is 15 s old, or was rolled back. The error
-- leaves the transaction's other work intact: nothing was written yet. 53400 is "configuration limit exceeded".
create function converge.outbox_admit() returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  room record;
begin
  if (select l.measured_at < clock_timestamp() - interval '15 s' from converge.source l) then
    perform converge.outbox_measure();
  end if;
  select l.max_bytes, l.waiting_bytes, l.refuse into room from converge.source l;
  if room.refuse and room.waiting_bytes >= room.max_bytes then
    raise exception 'converge: the outbox is full: % bytes of events wait to be published, and % are allowed (outbox.maxBytes)',
      room.waiting_bytes, room.max_bytes
      using errcode = '53400', constraint = 'outbox_max_bytes',
            hint = 'nothing was written. See why nothing is published (converge doctor); emits are taken again when events have left, or the limit is raised';
  end if;
end $$;

-- Appends one event, which is what most transactions do: 69 µs of the server's CPU where an append of arrays takes 180 (measured
-- on one connection; an INSERT alone takes 56). What makes the difference: values instead of arrays to take apart, sort and
-- compare; a scalar result, since a function in FROM is planned anew at each call; and plain expressions for lock and setting,
-- which plpgsql evaluates without running a statement. The look at the limit is the one row of a sequence, 3 µs.
-- The lock is taken before the insert begins, whose snapshot and nextval so come after it; the setting is local to the
-- transaction. Returns `xid:id`, which resolves a commit whose answer is lost.
create function converge.outbox_append_one(
  event_id uuid, topic text, key text, type text, headers text, payload text, idle_ms int, search bigint[] default null
) returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  last_id bigint;
  bucket  int := converge.outbox_bucket(topic, key);
  done    boolean;
begin
  done := converge.limit_idle(idle_ms);
  if exists (select from converge.outbox_room r
              where r.last_value > 0 and (r.last_value % 2 = 1 or r.last_value / 2 < extract(epoch from clock_timestamp()) - 15)) then
    perform converge.outbox_admit();
  end if;
  if not pg_try_advisory_xact_lock(1668247159, bucket) then
    done := converge.outbox_wait(bucket, idle_ms);
  end if;
  insert into converge.outbox (event_id, topic, key, type, headers, payload, search)
  values (outbox_append_one.event_id, outbox_append_one.topic, outbox_append_one.key, outbox_append_one.type,
          outbox_append_one.headers, outbox_append_one.payload, outbox_append_one.search)
  returning id into last_id;
  return concat(pg_current_xact_id(), ':', last_id);
end $$;

-- Appends several events, in the order of the arrays, by the same rules. `searches`: an array of digests as text for each event, since
-- arrays of arrays have one length.
create function converge.outbox_append_all(
  event_ids uuid[], topics text[], keys text[], types text[], headers text[], payloads text[], idle_ms int, searches text[] default null
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
  if exists (select from converge.outbox_room r
              where r.last_value > 0 and (r.last_value % 2 = 1 or r.last_value / 2 < extract(epoch from clock_timestamp()) - 15)) then
    perform converge.outbox_admit();
  end if;
  perform converge.outbox_lock(topics, keys, idle_ms);
  with inserted as (
    insert into converge.outbox (event_id, topic, key, type, headers, payload, search)
    select u.event_id, u.topic, u.key, u.type, u.headers, u.payload, u.search::bigint[]
      from unnest(event_ids, topics, keys, types, outbox_append_all.headers, payloads, searches)
           with ordinality as u (event_id, topic, key, type, headers, payload, search, place)
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

-- UUIDv7 for servers before 18, which have no uuidv7().
create function converge.new_uuid_v7() returns uuid
  language sql volatile parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
              placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid $$;

create function converge.is_json(candidate text) returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
  as $$
begin
  perform candidate::json;
  return true;
exception when others then
  return false;
end $$;

-- Refuses what the TypeScript side refuses, with what is wrong and what to do. 22023 is classified as `data`.
create function converge.emit_check(topic text, key text, type text, payload text, version int) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set standard_conforming_strings = on
  as $$
declare
  unpaired text;
begin
  if topic is null or topic !~ '^[A-Za-z0-9._-]{1,249}$' or topic in ('.', '..') then
    raise exception 'converge.emit: topic must be a Kafka topic name: at most 249 of letters, digits, ".", "_", "-"'
      using errcode = '22023';
  end if;
  if type is null or type = '' or octet_length(type) > 200 or type ~ '[\x01-\x1f\x7f]' then
    raise exception 'converge.emit: type must be 1 to 200 bytes of text, for example shop.order.placed' using errcode = '22023';
  end if;
  if key is null or key = '' or octet_length(key) > 1024 or key ~ '[\x01-\x1f\x7f]' then
    raise exception 'converge.emit: the key of % must be 1 to 1024 bytes of text without control characters', type
      using errcode = '22023';
  end if;
  if version is null or version < 1 then
    raise exception 'converge.emit: version of % must be a whole number from 1', type using errcode = '22023';
  end if;
  if payload is null then
    raise exception 'converge.emit: the payload of % is null; for an event without data pass ''{}''', type using errcode = '22023';
  end if;
  if octet_length(payload) > 900000 then
    raise exception 'converge.emit: the payload of % takes % bytes, at most 900000 are allowed: store large content elsewhere and send a reference',
      type, octet_length(payload) using errcode = '22023';
  end if;
  if not converge.is_json(payload) then
    raise exception 'converge.emit: the payload of % is not JSON: build it with json_build_object(...)::text', type
      using errcode = '22023';
  end if;
  -- `\ud83d` alone is half a character: it is JSON, but no UTF-8, and would first fail in a consumer.
  if payload ~* '\\ud[89a-f]' then
    unpaired := regexp_replace(replace(payload, '\\', ''), '\\u[dD][89abAB]..\\u[dD][c-fC-F]..', '', 'g');
    if unpaired ~* '\\ud[89a-f]' then
      raise exception 'converge.emit: the payload of % has half of a surrogate pair, which UTF-8 cannot carry', type
        using errcode = '22023';
    end if;
  end if;
  perform converge.emit_check_readable(type, payload);
end $$;

-- Refuses JSON that Postgres reads and a consumer does not: keys that reach a prototype, numbers beyond a double, which would be
-- Infinity, and deep nesting. The first look is cheap, and true for few payloads; what follows takes strings apart.
create function converge.emit_check_readable(type text, payload text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set standard_conforming_strings = on
  as $$
declare
  bare text;
begin
  if payload ~ '__proto__|constructor|\\u00[567]' and exists (
    select from regexp_matches(payload, '"(?:[^"\\]|\\.)*"\s*:?', 'g') as m (token),
           lateral (select substring(m.token[1] from '^"(.*)"\s*:$') as name) k
     where case when k.name ~ '\\u0000' then null when k.name ~ '\\' then ('"' || k.name || '"')::json #>> '{}' else k.name end
           in ('__proto__', 'constructor')) then
    raise exception 'converge.emit: the payload of % has a key "__proto__" or "constructor", which no consumer reads: it reaches an object''s prototype', type
      using errcode = '22023';
  end if;
  if payload ~ '[eE]\+?[0-9]{3}|[0-9]{255}' then
    bare := regexp_replace(payload, '"(?:[^"\\]|\\.)*"', '""', 'g');
    begin
      -- From the middle between the largest double and 2^1024 on, a reader rounds to Infinity.
      if exists (select from regexp_matches(bare, '[0-9][0-9.]*(?:[eE][-+]?[0-9]+)?', 'g') as m (number)
                  where m.number[1] ~ '[eE]\+?[0-9]{3}|[0-9]{255}' and m.number[1]::numeric >= (2::numeric ^ 54 - 1) * 2::numeric ^ 970) then
        raise numeric_value_out_of_range;
      end if;
    exception when others then
      raise exception 'converge.emit: the payload of % has a number that no double holds, which a consumer would read as Infinity: send it as a string', type
        using errcode = '22023';
    end;
  end if;
  if length(payload) - length(translate(payload, '[{', '')) > 1000 then
    bare := regexp_replace(regexp_replace(payload, '"(?:[^"\\]|\\.)*"', '', 'g'), '[^][{}]+', '', 'g');
    for level in 1 .. 1000 loop
      exit when bare = '';
      bare := regexp_replace(bare, '\[\]|\{\}', '', 'g');
    end loop;
    if bare <> '' then
      raise exception 'converge.emit: the payload of % is nested more than 1000 deep, which a consumer cannot read', type using errcode = '22023';
    end if;
  end if;
end $$;

-- Checks the caller's headers: a JSON object of strings, without the names that the kit sets.
create function converge.emit_check_headers(headers text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set standard_conforming_strings = on
  as $$
declare
  header record;
  names  text[] := '{}';
  bytes  int    := 0;
begin
  if headers is null or not converge.is_json(headers) or json_typeof(headers::json) <> 'object' then
    raise exception 'converge.emit: headers must be a JSON object of strings, for example {"tenant":"a"}' using errcode = '22023';
  end if;
  -- JSON may spell characters that no text has; jsonb refuses them.
  if headers ~* '\\u(0000|d[89a-f])' then
    begin
      perform headers::jsonb;
    exception when others then
      raise exception 'converge.emit: a header has a NUL or half of a surrogate pair, which no text can carry' using errcode = '22023';
    end;
  end if;
  for header in select e.key as name, e.value as value from json_each(headers::json) e loop
    if header.name !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,128}$' then
      raise exception 'converge.emit: the header name % is not 1 to 128 letters, digits, "-", "_" or "."',
        quote_literal(left(header.name, 80)) using errcode = '22023';
    end if;
    if lower(header.name) ~ '^ce_' or lower(header.name) in ('content-type', 'traceparent', 'tracestate', 'baggage') then
      raise exception 'converge.emit: the header % is set by the kit: choose another name', quote_literal(header.name)
        using errcode = '22023';
    end if;
    if header.name = any (names) then
      raise exception 'converge.emit: the header % is there twice', quote_literal(header.name) using errcode = '22023';
    end if;
    if json_typeof(header.value) <> 'string' then
      raise exception 'converge.emit: the value of header % is a %, not a string', quote_literal(header.name),
        json_typeof(header.value) using errcode = '22023';
    end if;
    if header.value #>> '{}' ~ '[\x01-\x08\x0a-\x1f\x7f]' then
      raise exception 'converge.emit: the value of header % has a line break or another control character',
        quote_literal(header.name) using errcode = '22023';
    end if;
    names := names || header.name;
    bytes := bytes + octet_length(header.name) + octet_length(header.value #>> '{}');
  end loop;
  if cardinality(names) > 64 or bytes > 8192 then
    raise exception 'converge.emit: % headers of % bytes are too many, at most 64 of 8192 bytes are allowed; put data into the payload',
      cardinality(names), bytes using errcode = '22023';
  end if;
end $$;

-- Emits one event, for SQL, triggers and other languages. Returns the event's id. The payload is stored byte for byte as given.
-- Several emits in one transaction lock in the order of the calls, so two transactions may deadlock: the one that gets
-- 40P01 is to be run again.
create function converge.emit(
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

-- Adds one child ahead when fewer than `ahead` ranges lie beyond the sequence. Returns its name; '' when it took a step
-- towards it, to be called again; null when there is nothing to do or another session is at it. Callers begin no
-- transaction of their own. ACCESS EXCLUSIVE on the parent stops every writer: it is waited for at most 50 ms, and only
-- the catalog changes under it. DETACH CONCURRENTLY would leave a moment without a last child, in which inserts fail.
--
-- When nothing added children in time (no relay ran), ids are in the last child already. To give it an upper bound,
-- ATTACH would read all of it while writers wait: 1.7 s a million rows, measured. So the bound is first a constraint:
--   1. added, not validated: ids a thousand ranges ahead, so that no emit can ever reach it, a crash in between included;
--   2. validated, side by side with writers;
--   3. the last child is attached again with that bound, which the constraint proves; a new one takes its place;
--   4. the sequence continues from the bound, so that the range is closed. In a transaction of its own after 3 committed:
--      setval is not undone by a rollback, and the constraint would then refuse every emit.
create function converge.outbox_add_child(ahead int, span bigint) returns text
  language plpgsql
  security definer
  set lock_timeout = '50ms'
  set search_path = pg_catalog, pg_temp
  set standard_conforming_strings = on
  as $$
declare
  used   bigint;
  lower  bigint;
  upper  bigint;
  filled boolean;
  bound  record;
  child  text;
begin
  -- A filled last child is closed a thousand ranges ahead: with larger ranges the ids, 2^53 at most, would be used up.
  if ahead not between 0 and 1000 or span not between 1 and 1000000 then
    raise exception 'converge.outbox_add_child: % ranges of % ids are out of the bounds, 1000 of 1000000', ahead, span using errcode = '22023';
  end if;
  if not pg_try_advisory_xact_lock(1668247160, 1) then
    return null;
  end if;
  select s.last_value into used from converge.outbox_id s;
  select max(substring(k.conname from '^outbox_until_(\d+)$')::bigint) into upper
    from pg_constraint k join pg_inherits i on i.inhrelid = k.conrelid
   where i.inhparent = 'converge.outbox'::regclass and k.conrelid <> 'converge.outbox_last'::regclass;
  if upper > used + 1 then
    perform setval('converge.outbox_id', upper - 1);
    return '';
  end if;
  select substring(pg_get_expr(c.relpartbound, c.oid) from $re$FROM \('?(\d+)'?\)$re$)::bigint into lower
    from pg_class c where c.oid = 'converge.outbox_last'::regclass;
  if lower > used + ahead * span then
    return null;
  end if;
  filled := exists (select from converge.outbox_last);
  upper := lower / span * span + span;
  if filled then
    select k.conname as name, k.convalidated as validated into bound
      from pg_constraint k where k.conrelid = 'converge.outbox_last'::regclass and k.conname ~ '^outbox_until_\d+$';
    if not found then
      upper := (used / span + 1000) * span;
      execute format('alter table converge.outbox_last add constraint %I check (id >= %s and id < %s) not valid',
                     'outbox_until_' || upper, lower, upper);
      return '';
    elsif not bound.validated then
      execute format('alter table converge.outbox_last validate constraint %I', bound.name);
      return '';
    end if;
    upper := substring(bound.name from '\d+$')::bigint;
  end if;
  child := 'outbox_' || lower;
  -- Made before the lock is taken: only the catalog changes below happen under it.
  create table converge.outbox_new (like converge.outbox including all);
  alter table converge.outbox detach partition converge.outbox_last;
  if filled then
    execute format('alter table converge.outbox_last rename to %I', child);
    alter table converge.outbox_new rename to outbox_last;
  elsif exists (select from converge.outbox_last) then
    raise exception 'converge: the last child was filled meanwhile' using errcode = '55P03';
  else
    execute format('alter table converge.outbox_new rename to %I', child);
  end if;
  execute format('alter table converge.outbox attach partition converge.%I for values from (%s) to (%s)', child, lower, upper);
  execute format('alter table converge.outbox attach partition converge.outbox_last for values from (%s) to (maxvalue)', upper);
  return child;
end $$;

-- Removes a child that a relay with the lease has recorded as leaving; false when none of that name is recorded.
-- For a relay that does not own the outbox: DETACH CONCURRENTLY cannot run in a function, so this takes ACCESS EXCLUSIVE on
-- the parent for its catalog changes, and waits for that 50 ms at most, as outbox_add_child does.
-- What the relay decided is checked again, since its role may be in other hands. 55000 is for the relay what a lock is: it tries
-- again later. Two looks by index; they come after the lock, so no writer has drawn an id and not inserted its row yet.
create function converge.outbox_remove_child(child text) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '50ms'
  as $$
declare
  pending boolean;
  upper   bigint;
  reason  text;
begin
  -- Only the outbox's own children have such names: no other table can be dropped by recording it.
  if child !~ '^outbox_[0-9]+$' then
    raise exception 'converge.outbox_remove_child: % is no child of the outbox', quote_literal(child) using errcode = '22023';
  end if;
  perform from converge.source l where outbox_remove_child.child = any (l.leaving) for update;
  if not found then
    return false;
  end if;
  if to_regclass(format('converge.%I', child)) is not null then
    lock table only converge.outbox in access exclusive mode;
    select i.inhdetachpending, substring(pg_get_expr(c.relpartbound, c.oid) from $re$TO \('?(\d+)'?\)$re$)::bigint into pending, upper
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'converge.outbox'::regclass and c.relname = child;
    reason := case when not found then 'it was detached by the owner of the outbox, who drops it or keeps it'
                   else converge.outbox_needs_child(child, upper) end;
    if reason is not null then
      raise exception 'converge.outbox_remove_child: % stays: %', child, reason using errcode = '55000';
    end if;
    execute format('alter table converge.outbox detach partition converge.%I%s', child, case when pending then ' finalize' else '' end);
    execute format('drop table converge.%I', child);
  end if;
  update converge.source l set leaving = array_remove(l.leaving, outbox_remove_child.child);
  return true;
end $$;

-- Returns why a child must stay; null when it may leave. Every row of it is in the log when the last tick that is counted as
-- sent, for every topic, saw all of them. `upper`: its upper bound.
create function converge.outbox_needs_child(child text, upper bigint) returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  newest_id  bigint;
  newest_xid xid8;
  newest_at  timestamptz;
  sent       xid8;
begin
  select s.last_value - (not s.is_called)::int into newest_id from converge.outbox_id s;
  if upper is null or upper - 1 > newest_id then
    return 'ids of it are still handed out';
  end if;
  execute format('select x.xid, greatest(x.created_at, i.created_at)
                    from (select o.xid, o.created_at from converge.%1$I o order by o.xid desc limit 1) x,
                         (select o.created_at from converge.%1$I o order by o.id desc limit 1) i', child)
     into newest_xid, newest_at;
  select pg_snapshot_xmin(t.snapshot) into sent
    from converge.relay_source s join converge.tick t
      on t.number = least(s.done_tick, (select min(h.held_at) - 1 from converge.relay_topic h));
  return case when newest_xid is null then null
              when sent is null or newest_xid >= sent then 'an event of it is not in the log yet'
              when newest_at > clock_timestamp() - interval '1 hour' then 'an event of it is less than an hour old' end;
end $$;

-- Functions that run as the owner are for the relays that were granted them. Postgres lets every role execute a new function,
-- and usage on the schema is what every writer has.
revoke execute on function converge.outbox_add_child(int, bigint), converge.outbox_remove_child(text), converge.outbox_needs_child(text, bigint)
  from public;
