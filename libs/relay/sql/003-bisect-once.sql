-- A bisection that is a condition of a scan is made for each tick that the scan reads. Until the planner has statistics of
-- converge.tick, it reads the table as a whole, and a look at the frontier took minutes. As a subquery it is made once.

-- Looks for events of keys that are visible now and were not in a snapshot. some | none | many: more than `most` rows of any key
-- came since, and they were not all read. The plan is the one of the relay's poll (libs/relay/src/window/fresh-sql.ts):
-- by xid, cut at each transaction that runs, because an index scan would fetch each row that an open bulk load has written.
create or replace function converge.outbox_since(since pg_snapshot, topic text, keys text[], most int) returns text
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

-- Returns whether events of keys were emitted since a snapshot that `frontier` named: none | some | unknown. Unknown: another
-- source or epoch, a copy, too many events since to read them all, or events that were dropped.
create or replace function converge.events_since(topic text, keys text[], since pg_snapshot, source uuid, epoch int) returns text
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
