-- A key that waits: its events stand in line, in order. Slices append (they hold this row from the update of `tail` to
-- their commit, never during a handler); a drain leases it, applies the head and releases it with the last one.
create table converge.parked_key (
  consumer     text        not null,
  topic        text        not null,
  key          text        not null,  -- the name of the line: the event's key, or the parked row's id (a line of its own)
  partition    int         not null,
  state        text        not null check (state in ('waiting', 'dead')),  -- dead: its head is a dead letter and holds it
  tail         bigint      not null check (tail > 0),                      -- the seq of the newest event
  next_at      timestamptz not null default clock_timestamp(),             -- when its head is tried next
  leased_until timestamptz not null default '-infinity',                   -- a drain is at work until then
  term         bigint      not null default 0,                             -- rises with every lease
  parked_at    timestamptz not null default clock_timestamp(),
  primary key (consumer, topic, key)
) with (fillfactor = 70);  -- tail, lease and next_at change
create index parked_key_due on converge.parked_key (consumer, next_at) where state = 'waiting';

-- Events that wait, and those that were given up, as they came, with every attempt. A dead letter is one in state dead.
create table converge.parked (
  id            uuid        primary key,  -- a function of consumer and record: a repeated record makes no second one
  consumer      text        not null,
  topic         text        not null,
  line          text,                     -- the key in whose line it stands; null: its key goes on without it
  seq           bigint,
  state         text        not null check (state in ('waiting', 'dead', 'rejected', 'skipped', 'superseded')),
  run           int         not null default 0,  -- how often an operator had it tried again
  tries         int         not null default 0,  -- by drains, in this run
  handler       text        not null,
  partition     int         not null,
  record_offset bigint      not null,
  timestamp_ms  bigint      not null,
  position      text,
  event_id      text,       -- these four are null when the envelope could not be read
  type          text,
  version       int,
  source        text,
  key           text        not null,     -- for people: control characters are replaced
  record_key    bytea,
  headers       text        not null,     -- JSON: [[name, text | null | {"base64": …}], …] in the record's order
  payload       bytea,                    -- the bytes as they came
  edited        bytea,                    -- what an operator put in the payload's place
  category      text        check (category in
    ('network', 'throttle', 'service', 'contention', 'data', 'configuration', 'business', 'bug')),
  certainty     text        check (certainty in ('not_applied', 'applied', 'unknown')),
  code          text,
  reason        text,
  structural    boolean     not null default false,  -- waiting does not heal it
  attempts      text        not null default '[]',   -- JSON: [{at, durationMs, category, certainty, code, message}, …]
  first_at      timestamptz,              -- of the attempts
  last_at       timestamptz,
  failure_event uuid,                     -- set when it was told
  note          text,                     -- why an operator or a saga took it out of the line
  parked_at     timestamptz not null default clock_timestamp(),
  changed_at    timestamptz not null default clock_timestamp(),
  foreign key (consumer, topic, line) references converge.parked_key,  -- no event is left behind without its key
  check ((line is null) = (seq is null)),
  check (state <> 'waiting' or line is not null),
  check (state in ('waiting', 'dead') or line is null),
  check ((category is null) = (certainty is null) and (category is null) = (code is null)),
  check (state not in ('dead', 'rejected') or (category is not null and failure_event is not null))
);
create unique index parked_line on converge.parked (consumer, topic, line, seq) where line is not null;
create index parked_state on converge.parked (consumer, state, parked_at);
