-- Partition counts that a topic had before an operator accepted another one, with the last position of each partition. Events of
-- a key that were sent with the old count may be in another partition than its later ones.
create table converge.relay_count (
  topic      text        not null references converge.relay_topic on delete cascade,
  partitions int         not null check (partitions > 0),
  cursors    jsonb       not null,  -- partition → `epoch.tick.id`
  changed_at timestamptz not null default clock_timestamp(),
  primary key (topic, partitions)
);

-- A trigger, so that commands of any version count. The topic is drained before its count is recorded: see relay_accept.
create function converge.relay_count_changed() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  insert into converge.relay_count (topic, partitions, cursors)
  select old.topic, old.partitions, coalesce(jsonb_object_agg(c.partition, concat_ws('.', c.epoch, c.tick, c.id)), '{}')
    from converge.relay_cursor c where c.topic = old.topic and c.partition < old.partitions;
  return null;
end $$;

create trigger relay_count_changed after update of partitions on converge.relay_topic
  for each row when (old.partitions is distinct from new.partitions and old.partitions is not null)
  execute function converge.relay_count_changed();

-- Returns why ticks and cursors prove nothing about this database; null: they do. A copy has another identity, and its lower
-- transaction ids count as seen by old snapshots. A standby may lack commits whose events consumers have handled.
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
-- came since, and they were not all read. The plan is the one of the relay's poll (libs/relay/src/window/fresh-sql.ts):
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
            from converge.relay_count n
           cross join unnest(frontier.keys) as k (key)
           cross join lateral (select converge.kafka_partition(k.key, n.partitions) as partition) as b
           where n.topic = frontier.topic) as p;
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
