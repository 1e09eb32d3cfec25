-- The tables of the relay. It reads converge.outbox and converge.source, acquires converge.lease, and writes only here.

-- A tick is a durable snapshot boundary. Window n is what is visible in snapshot n and not in snapshot n-1, ordered
-- by outbox.id: the same after any crash, for any relay.
create table converge.tick (
  number     bigint      primary key check (number >= 0),
  snapshot   pg_snapshot not null,
  own        xid8        not null,   -- the tick's own transaction: an id drawn before it belongs to an earlier xid
  floor      bigint      not null,   -- the sequence as an EARLIER statement saw it
  ceil       bigint      not null,   -- the sequence after the snapshot was taken
  nonce      text        not null check (nonce ~ '^[0-9a-f]{16}$'),   -- distinguishes two ticks of one number (restore)
  epoch      int         not null,
  term       bigint      not null,
  created_at timestamptz not null default clock_timestamp()
);

-- Tick 0 is a constant, so that every row of the outbox comes after it. Taking the current snapshot at the first start
-- instead would hide every row that was there before.
insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
values (0, '3:3:', '3', 0, 0, '0000000000000000', 1, 0);

-- Base ticks: a rebase in another cluster begins ticks anew (snapshot 3:3:, own 3, as tick 0), from which the rows have new
-- xids. Ticks before it say nothing about them: a child that was sent long ago may be sent again. There are few.
create index tick_base on converge.tick (number) where own = '3'::xid8;

-- One row: every window up to done_tick is in the log, except for the topics that are held.
create table converge.relay_source (
  only_row          boolean primary key default true check (only_row),
  done_tick         bigint  not null default 0,
  term              bigint  not null default 0,
  -- Where the relay last led: another cluster or database is a copy of this one, and lower transaction ids make its
  -- snapshots worthless. Null until a leader wrote them, except for the database in which this table was made: all copies
  -- of a template have one identity (converge.source).
  system_identifier text,
  database_oid      oid,
  next_xid          xid8,
  -- The login of the leader, for operators: when no relay leads, the catalog knows whether it can still log in.
  login             text
);
insert into converge.relay_source (database_oid) select d.oid from pg_database d where d.datname = current_database();

-- A halt concerns a whole topic, and may come before its partitions are known: it is recorded here, not in the cursor rows.
create table converge.relay_topic (
  topic       text    primary key,
  partitions  int     check (partitions > 0),  -- null until the topic was found
  held_at     bigint  check (held_at > 0),     -- the first window whose events may be missing from the log; null = done_tick counts this topic too
  held_reason text,
  term        bigint  not null,
  topic_id    text,                            -- the broker's id: another one = the topic was deleted and created again. Null: adopted from the broker
  made_again  boolean not null default false,  -- an operator accepted a log that lacks what was acknowledged before (converge topics accept)
  -- A partition count that an operator accepts (`converge topics accept`) for a held topic. The leader sends every window up to
  -- drain_to with the old count; whatever was sent before is among them, so no event can come twice, in two partitions. Then the
  -- command records the new count. The leader withdraws both when the topic flows with the old count again, because drain_to
  -- would then be too early.
  wanted      int     check (wanted > 0),
  drain_to    bigint  check (drain_to >= 0),
  -- The counts before this one, each with the last position of its partitions: [{partitions, cursors: {partition: 'epoch.tick.id'}}].
  -- Events of a key that were sent with an earlier count may be in another partition than its later ones.
  earlier     jsonb   not null default '[]',
  -- Records that bear this source's name and that an operator declared as forged (`converge source disown`), as `partition/offset`:
  -- any client that may write to a topic can forge one that looks like the past of a restored database. The comparison with the
  -- log skips them.
  disowned    text[]  not null default '{}',
  check (held_at is not null or partitions is not null),
  check (wanted is not null or drain_to is null)
);

-- The last position acknowledged by the broker without a hole before it. It is also the next event's ce_prev, so the
-- two cannot disagree. Updated in place many times a second: the columns are in no index but `save` (HOT), and pages keep room.
create table converge.relay_cursor (
  topic       text   not null references converge.relay_topic,
  partition   int    not null check (partition >= 0),
  epoch       int    not null,
  tick        bigint not null,
  id          bigint not null,
  term        bigint not null,
  -- passed_*: used while the cursor is of an older epoch than the source, until the first event of the new one was sent:
  -- how far the partition's log holds what this timeline holds.
  passed_tick bigint not null default 0,
  passed_id   bigint not null default 0,
  log_end     bigint,            -- the log's end at the last takeover
  -- While a snapshot is held (a dump, a report, a forgotten transaction), old versions of a row cannot be pruned, and a look-up
  -- by (topic, partition) walks over all of them. `save` increases at every 32nd save of a row: a leader that knows it finds
  -- the row among few versions, and a HOT chain ends with it.
  save        bigint not null default 0,
  -- From which offset on this source's records carry signatures, and of which key: the log's end when the first leader with
  -- that key took over. A record behind it without a valid signature is not this source's own (docs/guides/trust.md).
  signed_by   text,
  signed_from bigint,
  primary key (topic, partition, save)
) with (fillfactor = 50);

-- Epochs are timelines: a restored database goes back as a whole, so it is compared with the log; what is not valid after that
-- comparison is left behind by a fork, as Postgres does with its own timelines. converge.source has the present epoch, and
-- converge.audit the rebase that began it. Here are the records that the log had beyond the fork of an epoch: for operators, who
-- have to undo their effects by hand.
create table converge.phantom (
  epoch      int    not null check (epoch > 1),
  topic      text   not null,
  partition  int    not null,
  log_offset bigint not null,
  -- phantom: not in the outbox; sent_again: in the outbox, and sent once more under a position of the new epoch
  kind       text   not null check (kind in ('phantom', 'sent_again')),
  event_id   text   not null,
  position   text   not null,
  type       text   not null,
  key        text   not null,
  primary key (epoch, topic, partition, log_offset)
);

-- Finds the last tick up to `upto` for which every given condition holds. All values of a tick rise with its number from the
-- last base tick on, so it is found by bisection: some 30 look-ups by primary key, where a walk would read a day of ticks, and
-- without an index that every tick would have to maintain. Numbers may have holes. created_at follows the server's clock, which
-- may step back: the returned tick satisfies the condition all the same.
create function converge.tick_last(
  upto bigint, own_most xid8 default null, ceil_below bigint default null, created_before timestamptz default null
) returns bigint
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
declare
  low    bigint;
  high   bigint := upto;
  middle bigint;
  probe  converge.tick;
  answer bigint;
begin
  select coalesce(max(t.number), 0) into low from converge.tick t where t.own = '3'::xid8 and t.number <= upto;
  while low <= high loop
    middle := low + (high - low) / 2;
    select * into probe from converge.tick t where t.number >= middle and t.number <= high order by t.number limit 1;
    if probe.number is null then
      high := middle - 1;
    elsif (own_most is null or probe.own <= own_most)
      and (ceil_below is null or probe.ceil < ceil_below)
      and (created_before is null or probe.created_at < created_before)
    then
      answer := probe.number;
      low := probe.number + 1;
    else
      high := middle - 1;
    end if;
  end loop;
  return answer;
end $$;

-- Computes the partition that Kafka's own clients choose: murmur2 of the key's bytes, made positive, modulo the count. 32-bit
-- arithmetic in bigints.
create function converge.kafka_partition(key text, partitions int) returns int
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
declare
  data   bytea  := convert_to(key, 'UTF8');
  length int    := octet_length(data);
  m      bigint := 1540483477;
  mask   bigint := 4294967295;
  whole  int    := length - length % 4;
  h      bigint := 2538058380 # length;
  k      bigint;
begin
  for i in 0 .. whole - 4 by 4 loop
    k := get_byte(data, i) + (get_byte(data, i + 1)::bigint << 8)
       + (get_byte(data, i + 2)::bigint << 16) + (get_byte(data, i + 3)::bigint << 24);
    k := (k * m) & mask;
    k := ((k # (k >> 24)) * m) & mask;
    h := ((h * m) & mask) # k;
  end loop;
  if length % 4 = 3 then h := h # (get_byte(data, whole + 2)::bigint << 16); end if;
  if length % 4 >= 2 then h := h # (get_byte(data, whole + 1)::bigint << 8); end if;
  if length % 4 >= 1 then h := ((h # get_byte(data, whole)) * m) & mask; end if;
  h := ((h # (h >> 13)) * m) & mask;
  h := h # (h >> 15);
  return (h & 2147483647) % partitions;
end $$;

-- Returns the keys of the events of one partition after one position, up to another: what a consumer missed there. For a service
-- that compares those keys with the truth. Positions are `epoch.tick.id`, as `converge consumers list` shows them.
-- Raises P0002 (no_data_found) instead of leaving a key out: then all keys are to be compared. `source`: refuse any other.
-- A window is what is visible in its tick and not in the one before, so four snapshots bound the range to the event.
create function converge.keys_between(topic text, partition int, after text, up_to text, source uuid default null)
  returns setof text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
declare
  a            bigint[] := (string_to_array(after, '.'))[1:3]::bigint[];
  b            bigint[] := (string_to_array(up_to, '.'))[1:3]::bigint[];
  begins       bigint   := greatest(a[2] - 1, 0);
  count_then   int;
  kept         bigint;
  highest      bigint;
  lowest       bigint;
  lowest_kept  bigint;
  previous     pg_snapshot;
  at_first     pg_snapshot;
  before_last  pg_snapshot;
  at_last      pg_snapshot;
  end_key      text;
begin
  if keys_between.source is not null and not exists (select from converge.source s where s.id = keys_between.source) then
    raise exception 'converge: this database is not source %', keys_between.source using errcode = 'no_data_found';
  end if;
  select t.partitions into count_then from converge.relay_topic t where t.topic = keys_between.topic;
  select count(*), max(t.ceil),
         max(t.snapshot::text) filter (where t.number = begins), max(t.snapshot::text) filter (where t.number = a[2]),
         max(t.snapshot::text) filter (where t.number = greatest(b[2] - 1, 0)), max(t.snapshot::text) filter (where t.number = b[2])
    into kept, highest, previous, at_first, before_last, at_last
    from converge.tick t where t.number between begins and b[2];
  if count_then is null or a[1] <> b[1] or kept <> b[2] - begins + 1 then
    raise exception 'converge: the keys of %/% after % are not known any more: its ticks are not kept, or it goes over the beginning of an epoch', keys_between.topic, keys_between.partition, after
      using errcode = 'no_data_found', hint = 'Look at all keys.';
  end if;
  select t.floor + 1 into lowest from converge.tick t
   where t.number <= begins and t.own <= pg_snapshot_xmin(previous) order by t.number desc limit 1;
  select min(coalesce(substring(pg_get_expr(c.relpartbound, c.oid) from $re$FROM \('?(\d+)'?\)$re$)::bigint, 0)) into lowest_kept
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent = 'converge.outbox'::regclass and not i.inhdetachpending;
  select o.key into end_key from converge.outbox o where o.id = b[3] and o.topic = keys_between.topic;
  -- The end that the next event names must be there, in this partition: else events were dropped, or the count was changed.
  if lowest_kept > lowest or converge.kafka_partition(end_key, count_then) is distinct from keys_between.partition then
    raise exception 'converge: the keys of %/% after % are not known any more: events were dropped, or the partition count was changed', keys_between.topic, keys_between.partition, after
      using errcode = 'no_data_found', hint = 'Look at all keys.';
  end if;
  return query
    select distinct o.key from converge.outbox o
     where o.id >= lowest and o.id <= highest and o.topic = keys_between.topic
       and pg_visible_in_snapshot(o.xid, at_last) and not pg_visible_in_snapshot(o.xid, previous)
       and (o.id > a[3] or not pg_visible_in_snapshot(o.xid, at_first))
       and (o.id <= b[3] or pg_visible_in_snapshot(o.xid, before_last))
       and converge.kafka_partition(o.key, count_then) = keys_between.partition;
end $$;

-- The topic is drained before its count is recorded, so the cursors are the last positions of the old count.
create function converge.relay_topic_recounted() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  new.earlier := old.earlier || (
    select jsonb_build_object('partitions', old.partitions,
             'cursors', coalesce(jsonb_object_agg(c.partition, concat_ws('.', c.epoch, c.tick, c.id)), '{}'))
      from converge.relay_cursor c where c.topic = old.topic and c.partition < old.partitions);
  return new;
end $$;

create trigger relay_topic_recounted before update of partitions on converge.relay_topic
  for each row when (old.partitions is distinct from new.partitions and old.partitions is not null)
  execute function converge.relay_topic_recounted();

-- Returns why ticks and cursors prove nothing about this database; null: they do. A copy has another identity, and its lower
-- transaction ids count as seen by old snapshots. A standby may lack commits whose events consumers have handled. An event that row
-- security hides would count as one that is not there.
create function converge.relay_doubt() returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
declare
  led    converge.relay_source;
  system text;
begin
  if pg_is_in_recovery() then
    return 'the database is a standby, which may lag: give the address of the primary';
  end if;
  if row_security_active('converge.outbox') then
    return format('row security hides events of converge.outbox from this login: `alter role %I bypassrls`, as a superuser', current_user);
  end if;
  select * into led from converge.relay_source;
  if led.term is null or led.term = 0 then
    return 'no relay has ever led in this database';
  end if;
  if led.database_oid <> (select d.oid from pg_database d where d.datname = current_database()) then
    return 'the relay led in another database: this one is a copy';
  end if;
  if led.next_xid > pg_snapshot_xmax(pg_current_snapshot()) then
    return 'the relay led at a later transaction id: this database went back, or is a copy';
  end if;
  if led.system_identifier is not null and has_function_privilege('pg_catalog.pg_control_system()', 'execute') then
    select s.system_identifier::text into system from pg_control_system() s;
    if system <> led.system_identifier then
      return 'the relay led in another cluster: this database is a copy';
    end if;
  end if;
  return null;
end $$;

-- Looks for events of keys that are visible now and were not in a snapshot. some | none | many: more than `most` rows of any key
-- came since, and they were not all read. The plan is the one of the relay's poll (libs/relay/src/window/read-sql.ts):
-- by xid, cut at each transaction that runs, because an index scan would fetch each row that an open bulk load has written.
-- The bisection is a subquery, so that it is made once: as a condition it is made for each tick of a scan without statistics.
create function converge.outbox_since(since pg_snapshot, topic text, keys text[], most int) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
declare
  low   bigint;
  seen  bigint;
  found boolean;
begin
  select t.floor into low from converge.tick t
   where t.number = (select converge.tick_last((select max(l.number) from converge.tick l), own_most => pg_snapshot_xmin(since)));
  -- Prunes children only, so it begins a child earlier.
  low := greatest(coalesce(low, 0) - 1000000, 1);
  execute format($query$
    select count(*), coalesce(bool_or(f.topic = $1 and f.key = any ($2)), false) from (
      (select fresh.* from (
         select lag((edge.xid::text::bigint + 1)::text::xid8, 1, %1$L::xid8) over (order by edge.xid) as first,
                (edge.xid::text::bigint - 1)::text::xid8 as last
           from (select open.xid from (select x.xid from pg_snapshot_xip(pg_current_snapshot()) as x (xid)
                                        where x.xid >= %1$L::xid8 order by x.xid limit 64) as open
                 union all
                 select pg_snapshot_xmax(pg_current_snapshot())) as edge (xid)) as gap
         cross join lateral (
           select o.topic, o.key from converge.outbox o
            where o.xid >= %1$L::xid8 and (o.xid, o.id) >= (gap.first, 0) and (o.xid, o.id) <= (gap.last, 9223372036854775807)
              and o.id >= %3$s order by o.xid limit %4$s) as fresh
        limit %4$s)
      union all
      (select o.topic, o.key from converge.outbox o
        where o.xid = any (array(select x.xid from unnest(%2$L::xid8[]) as x (xid)
                                  where pg_visible_in_snapshot(x.xid, pg_current_snapshot())))
          and o.id >= %3$s order by o.xid limit %4$s)) as f
    $query$, pg_snapshot_xmax(since), array(select pg_snapshot_xip(since)), low, most)
    into seen, found using outbox_since.topic, outbox_since.keys;
  return case when found then 'some' when seen >= most then 'many' else 'none' end;
end $$;

-- Answers up to which position the events of keys have been sent that this statement sees. As JSON, by `state`:
--   unknown     detail: ticks and cursors prove nothing here (no relay, a copy)
--   halted      detail: events of the topic may be missing in the log; partition
--   not_ticked  such an event has no tick yet, or too many events have none
--   ticked      all have one, up to `tick`, and they are not all in the log yet
--   sent        they are in the log, up to up_to: [{partition, position}]; [] = nothing of the topic was ever sent
-- ticked and sent name source, epoch and tick, and the snapshot that they hold for. `covers`: a tick that was answered
-- before, for that earlier snapshot; it is valid within its epoch. partition: of the first key, null while it is unknown.
-- done_tick and the cursors are written by one statement, and a hold before done_tick passes it, so one snapshot shows all.
create function converge.frontier(topic text, keys text[], covers bigint default null) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
#variable_conflict use_column
declare
  doubt    text := converge.relay_doubt();
  latest   converge.tick;
  held     converge.relay_topic;
  until    bigint := frontier.covers;
  done     bigint;
  place    int;
  answer   jsonb;
  up_to    jsonb;
begin
  if doubt is not null then
    return jsonb_build_object('state', 'unknown', 'detail', doubt);
  end if;
  select * into held from converge.relay_topic t where t.topic = frontier.topic;
  place := converge.kafka_partition(frontier.keys[1], held.partitions);
  answer := jsonb_build_object('partition', place);
  if until is null then
    select * into latest from converge.tick t order by t.number desc limit 1;
    if converge.outbox_since(latest.snapshot, frontier.topic, frontier.keys, 10000) <> 'none' then
      return answer || jsonb_build_object('state', 'not_ticked');
    end if;
    until := latest.number;
  end if;
  if held.held_at <= until then
    return answer || jsonb_build_object('state', 'halted', 'detail', coalesce(held.held_reason, 'the topic is held'));
  end if;
  answer := answer || (select jsonb_build_object('source', s.id, 'epoch', s.epoch, 'tick', until::text,
                                                 'snapshot', pg_current_snapshot()::text) from converge.source s);
  select s.done_tick into done from converge.relay_source s;
  if done < until then
    return answer || jsonb_build_object('state', 'ticked');
  end if;
  -- Without a count nothing of the topic was ever read, or it was forgotten: what it still had is lost.
  select coalesce(jsonb_agg(distinct jsonb_build_object('partition', p.partition, 'position', p.position)), '[]') into up_to
    from (select converge.kafka_partition(k.key, held.partitions) as partition,
                 (select concat_ws('.', c.epoch, c.tick, c.id) from converge.relay_cursor c
                   where c.topic = frontier.topic and c.partition = converge.kafka_partition(k.key, held.partitions)) as position
            from unnest(frontier.keys) as k (key) where held.partitions is not null
          union all
          select b.partition, n.cursors ->> b.partition::text
            from jsonb_to_recordset(held.earlier) as n (partitions int, cursors jsonb)
           cross join unnest(frontier.keys) as k (key)
           cross join lateral (select converge.kafka_partition(k.key, n.partitions) as partition) as b) as p;
  if exists (select from jsonb_array_elements(up_to) as e (place) where e.place ->> 'position' is null) then
    return answer || jsonb_build_object('state', 'unknown', 'detail', 'a partition of the topic has no cursor');
  end if;
  return answer || jsonb_build_object('state', 'sent', 'up_to', up_to);
end $$;

-- Returns whether events of keys were emitted since a snapshot that `frontier` named: none | some | behind | unknown.
-- behind: a consumer has handled events of the tick `reached` of the epoch, which is not in this database: it is an old copy.
-- unknown: another source or epoch, a copy, too many events since to read them all, or events that were dropped.
create function converge.events_since(topic text, keys text[], since pg_snapshot, source uuid, epoch int,
                                      reached bigint default null) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
declare
  low         bigint;
  lowest_kept bigint;
begin
  if converge.relay_doubt() is not null
     or not exists (select from converge.source s where s.id = events_since.source and s.epoch = events_since.epoch) then
    return 'unknown';
  end if;
  -- A tick commits before any of its events is sent.
  if events_since.reached > (select max(l.number) from converge.tick l) then
    return 'behind';
  end if;
  select t.floor into low from converge.tick t
   where t.number = (select converge.tick_last((select max(l.number) from converge.tick l), own_most => pg_snapshot_xmin(since)));
  select min(coalesce(substring(pg_get_expr(c.relpartbound, c.oid) from $re$FROM \('?(\d+)'?\)$re$)::bigint, 0)) into lowest_kept
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent = 'converge.outbox'::regclass and not i.inhdetachpending;
  if lowest_kept > coalesce(low, 0) + 1 then
    return 'unknown';
  end if;
  return case converge.outbox_since(since, events_since.topic, events_since.keys, 50000)
    when 'none' then 'none' when 'some' then 'some' else 'unknown' end;
end $$;
