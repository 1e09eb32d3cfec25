-- Dead letters that hold no key and of which no event of ours could be read: any writer of a topic can make them without end, so
-- a consumer keeps the newest with their bytes.
create index parked_unreadable on converge.parked (consumer, parked_at, record_offset, id)
  where state = 'dead' and line is null and (event_id is null or code = 'FAILURE_SOURCE');
