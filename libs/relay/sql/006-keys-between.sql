-- Where Kafka's own clients put a key: murmur2 of its bytes, made positive, modulo the count. 32-bit arithmetic in bigints.
create function converge.kafka_partition(key text, partitions int) returns int
  language plpgsql immutable strict parallel safe
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

-- The keys of the events of one partition after one position, up to another: what a consumer missed there. For whoever
-- compares those keys with the truth. Positions are `epoch.tick.id`, as `converge consumers list` shows them.
-- Raises P0002 (no_data_found) rather than leave a key out: then all keys are to be looked at. `source`: refuse any other.
-- A window is what is visible in its tick and not in the one before, so four snapshots bound the range to the event.
create function converge.keys_between(topic text, partition int, after text, up_to text, source uuid default null)
  returns setof text
  language plpgsql stable
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
