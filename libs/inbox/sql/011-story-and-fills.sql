-- Slices of filled events so far. They do not move next_offset, so this is what every slice moves or expects beside it:
-- whichever kind overtook an owner, its next slice moves nothing.
alter table converge.inbox_partition add fills bigint not null default 0;

-- Of an attempt that a drain made: since when its event had stood in the line of its key.
alter table converge.inbox_attempt add parked_at timestamptz;

-- For the story of an event, and for whoever has its id.
create index parked_event_id on converge.parked (event_id);

-- What retention looks for: events that are only on record.
create index parked_ended on converge.parked (changed_at) where state in ('rejected', 'skipped', 'superseded');
