-- Tells offsets of a topic from those of its namesake that was made later: part of the ids of attempts.
alter table converge.parked add topic_id text;

-- Dead letters of before: their keys went on without them.
insert into converge.parked (id, consumer, topic, state, handler, partition, record_offset, timestamp_ms, position, event_id,
    type, version, source, key, record_key, headers, payload, category, certainty, code, reason, attempts, first_at, last_at,
    failure_event, parked_at, changed_at)
  select id, consumer, topic, case category when 'business' then 'rejected' else 'dead' end, handler, partition, record_offset,
         floor(extract(epoch from first_at) * 1000)::bigint, position, event_id, type, version, source, key, record_key, headers,
         payload, category, certainty, code, reason, attempts, first_at, last_at, failure_event, created_at, created_at
    from converge.dead_letter;
drop table converge.dead_letter;
