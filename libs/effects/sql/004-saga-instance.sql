-- Sagas as an observer of their topics sees them: one row an instance, in a database of the observer's choice. What is
-- known of its steps is a set of facts, so that the order in which topics are read does not matter.
create table converge.saga_instance (
  saga        text        not null,
  instance    text        not null,   -- the id of the event that started it
  version     int         not null check (version > 0),
  key         text        not null,   -- of the event that came first, for people
  -- The words of src/observe/judge.ts.
  state       text        not null check (state in
    ('running', 'completed', 'compensating', 'compensated', 'stuck', 'expired')),
  reason      text,       -- why it is not simply running or completed
  facts       text        not null,   -- JSON: step → what was told of it
  started_at  timestamptz,            -- null: its start has not been read yet
  first_at    timestamptz not null,   -- of the earliest fact
  failed_at   timestamptz,            -- of the earliest failure
  ended_at    timestamptz,            -- of the fact that ended it
  expires_at  timestamptz,            -- when it is late, if it has not ended by then
  expired_at  timestamptz,            -- since when it is late
  changed_at  timestamptz not null default clock_timestamp(),
  primary key (saga, instance),
  check ((state in ('completed', 'compensated')) = (ended_at is not null)),
  check (state <> 'expired' or expired_at is not null)
) with (fillfactor = 70);  -- updated with every fact

-- What the watch looks for: the open ones, the next to be late first.
create index saga_instance_open on converge.saga_instance (expires_at) where ended_at is null and expired_at is null;
create index saga_instance_ended on converge.saga_instance (ended_at) where ended_at is not null;
create index saga_instance_state on converge.saga_instance (state, changed_at);
