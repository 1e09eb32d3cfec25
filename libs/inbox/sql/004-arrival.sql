-- Returns how far a consumer has come in partitions of a topic, as JSON: registered (it has a place in the topic), and for each of
-- the partitions: halted (why; null = it runs), filling (events of `converge consumers fill` wait), seen (the highest position of
-- the source that it has handled, skipped or parked; null = none). What it passed is in the same snapshot, or earlier.
create function converge.inbox_arrival(consumer text, topic text, source uuid, partitions int[]) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
  select jsonb_build_object(
    'registered', exists (select from converge.inbox_partition r where r.consumer = $1 and r.topic = $2),
    'partitions', coalesce((
      select jsonb_agg(jsonb_build_object(
               'partition', asked.partition,
               'halted', (select concat_ws(': ', p.halted_code, p.halted_reason) from converge.inbox_partition p
                           where p.consumer = $1 and p.topic = $2 and p.partition = asked.partition and p.state = 'halted'),
               'filling', exists (select from converge.inbox_fill f
                                   where f.consumer = $1 and f.topic = $2 and f.partition = asked.partition),
               'seen', (select concat_ws('.', w.epoch, w.tick, w.id) from converge.inbox_watermark w
                         where w.consumer = $1 and w.topic = $2 and w.partition = asked.partition and w.source = $3
                         order by w.epoch desc limit 1)))
        from unnest($4) as asked (partition)), '[]'))
$$;

-- An event that was retried or replaced after its key was released has a line of its own, by the id of its row.
create index parked_own_line on converge.parked (consumer, key) where line = id::text;

-- Returns whether events of keys are parked: they wait, or their first one is a dead letter that holds the key.
create function converge.inbox_parked(consumer text, topic text, keys text[]) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
  select exists (select from converge.parked_key k where k.consumer = $1 and k.topic = $2 and k.key = any ($3))
      or exists (select from converge.parked p
                  where p.consumer = $1 and p.topic = $2 and p.key = any ($3) and p.line = p.id::text)
$$;
