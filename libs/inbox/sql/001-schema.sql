-- Consumers that have positions here. The row is locked while topics are registered, so that two members agree on the start.
create table converge.inbox_consumer (
  name            text        primary key,
  registered_at   timestamptz not null default clock_timestamp(),
  -- How long its rows of foreign events are kept at least, for producers that repeat themselves late.
  keep_foreign_ms bigint      not null default 2592000000,
  -- The sources whose positions count, {uuid: name}. The uuid is the identity; the name, for people and for keys of signatures, is
  -- the first one seen with it, or the declared one.
  sources         jsonb       not null default '{}',
  -- The source whose failure events count, of each consumer that fails: {consumer: uuid}. Pinned at first sight, or declared.
  failure_sources jsonb       not null default '{}',
  -- The types of events that it handles, {topic: {type: handler}}: registered by the newest version that runs, read by an older one
  -- before it skips a type that it does not know. A failure event's type is followed by ':' and the type that failed.
  types           jsonb       not null default '{}'
);

-- The fence, one row per partition: every slice moves next_offset from the value that it expects, whatever it holds.
-- Zero rows moved = another owner was here first. It is also the offset to seek to at assignment (Kafka's offset is a hint).
create table converge.inbox_partition (
  consumer      text        not null references converge.inbox_consumer (name),
  topic         text        not null,
  partition     int         not null,
  topic_id      text,       -- null where the broker has no such id; another one = the topic was created anew
  start_offset  bigint      not null,
  next_offset   bigint      not null,
  state         text        not null default 'running',  -- or halted
  halted_code   text,
  halted_reason text,
  halted_at     timestamptz,
  halted_offset bigint,
  pass_offset   bigint,     -- the last record that may be passed (`consumers resume --continue`)
  -- Records that an operator rejected as forged: they are recorded as dead letters, and their position does not count. Of the topic
  -- with this id: in one that was created anew, another record has the offset.
  rejected      bigint[],
  -- Number of slices of filled events. They do not move next_offset, so every slice moves or expects this value beside it:
  -- whichever kind overtook an owner, its next slice moves nothing.
  fills         bigint      not null default 0,
  -- The version of the registered types of its topic: it rises when one is added. A slice reads it from the fence row that it locks,
  -- so it is the present one, whatever snapshot the slice has. As long as it has not changed, a member knows all registered types,
  -- and looks none up. A type that was dropped is found when it is met: a member asks before it waits for another version.
  types_version bigint      not null default 0,
  -- An operator paused the consumer while the partition was halted for another reason, which stays: its parked events wait, too.
  paused        boolean     not null default false,
  -- What its owner waits for, for operators: a pause that ends by itself, or an event for a newer version. Nothing is decided by it.
  wait_code     text,
  wait_reason   text,
  wait_since    timestamptz,
  primary key (consumer, topic, partition)
) with (fillfactor = 50);  -- updated by every slice: room for HOT updates, so the index never grows

-- The rules of a row. CHECKs would be parsed again for each statement: more than half of a slice's update (decision 44).
create function converge.inbox_partition_rules() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if not (new.partition >= 0 and new.start_offset >= 0 and new.next_offset >= 0 and new.halted_offset >= 0 and new.pass_offset >= 0
          and new.state in ('running', 'halted')
          and (new.state = 'halted') = (new.halted_code is not null and new.halted_reason is not null and new.halted_at is not null)) then
    raise exception 'converge.inbox_partition refuses the row of partition % of %: its state % has no reason, or a reason and no halt, or an offset is negative',
        new.partition, new.topic, new.state
      using errcode = 'check_violation', schema = 'converge', table = 'inbox_partition', constraint = 'inbox_partition_rules';
  end if;
  return new;
end $$;
create trigger inbox_partition_rules before insert or update on converge.inbox_partition
  for each row execute function converge.inbox_partition_rules();
alter table converge.inbox_partition enable always trigger inbox_partition_rules;

-- Deduplication by position: an event of a source at or below it was handled. Rows of older epochs stay.
create table converge.inbox_watermark (
  consumer      text   not null,
  topic         text   not null,
  partition     int    not null,
  source        uuid   not null,
  epoch         int    not null check (epoch > 0),
  tick          bigint not null,
  id            bigint not null,
  -- The event at the watermark, for comparison with later ones: its record, the event that it named as its predecessor, and the
  -- time of the newest event until then. Null after a replay.
  seen_offset   bigint,
  seen_event    text,
  prev_epoch    int,
  prev_tick     bigint,
  prev_id       bigint,
  newest_ms     bigint,
  unknown_until bigint,
  primary key (consumer, topic, partition, source, epoch),
  foreign key (consumer, topic, partition) references converge.inbox_partition
) with (fillfactor = 50);

-- Events without a position of a known source: one row each. The payload's hash distinguishes a repeat from a reused id.
-- The identity is a hash of source and id: foreign ids may be longer than an index takes. A row leaves when it is old enough and
-- the log no longer has the record at its place, the last one read with this id: it could be read again.
create table converge.inbox_foreign (
  consumer      text        not null,
  identity      bytea       not null check (octet_length(identity) = 32),
  payload_hash  bytea       not null check (octet_length(payload_hash) = 32),
  event_id      text        not null,
  topic         text        not null,
  partition     int         not null,
  record_offset bigint      not null,
  seen_at       timestamptz not null default clock_timestamp(),
  primary key (consumer, identity)
);
-- Rows come in this order: for retention, and for the history of an event.
create index inbox_foreign_seen on converge.inbox_foreign using brin (seen_at, record_offset);

-- Events that never came, read from the source's outbox by `converge consumers fill`: as they would have been in the
-- log, in the order of position. For the owner of the partition, which is halted at the gap.
create table converge.inbox_fill (
  consumer     text        not null,
  topic        text        not null,
  partition    int         not null,
  source       uuid        not null,
  epoch        int         not null check (epoch > 0),
  tick         bigint      not null,
  id           bigint      not null,
  key          text        not null,
  headers      text        not null,   -- JSON: [[name, text], …], ce_pos and ce_prev among them
  payload      text        not null,
  timestamp_ms bigint      not null,
  put_at       timestamptz not null default clock_timestamp(),
  primary key (consumer, topic, partition, source, epoch, tick, id),
  foreign key (consumer, topic, partition) references converge.inbox_partition
);

-- Gaps: what a consumer passed without having seen it, the events of one partition after one position, up to another. Written
-- in the transaction that passes it. filled_*: up to here it was filled later, out of the order of its keys.
create table converge.inbox_gap (
  gap           bigint      generated always as identity primary key,
  consumer      text        not null,
  topic         text        not null,
  partition     int         not null,
  source        uuid        not null,
  after_epoch   int         not null,
  after_tick    bigint      not null,
  after_id      bigint      not null,
  up_to_epoch   int         not null,
  up_to_tick    bigint      not null,
  up_to_id      bigint      not null,
  filled_epoch  int,
  filled_tick   bigint,
  filled_id     bigint,
  record_offset bigint      not null,  -- the record that named a predecessor which never came
  passed_by     text        not null check (passed_by in ('policy', 'operator')),
  passed_at     timestamptz not null default clock_timestamp(),
  check ((filled_epoch is null) = (filled_tick is null) and (filled_epoch is null) = (filled_id is null)),
  foreign key (consumer, topic, partition) references converge.inbox_partition
);
create index inbox_gap_open on converge.inbox_gap (consumer, topic, partition)
  where filled_epoch is null or (filled_epoch, filled_tick, filled_id) < (up_to_epoch, up_to_tick, up_to_id);

-- Returns the gaps of a consumer that are not filled, for other packages and services. Positions are text.
create function converge.inbox_open_gaps(consumer text)
  returns table (gap bigint, topic text, partition int, source uuid, after text, up_to text)
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
  select g.gap, g.topic, g.partition, g.source,
         concat_ws('.', coalesce(g.filled_epoch, g.after_epoch), coalesce(g.filled_tick, g.after_tick),
                   coalesce(g.filled_id, g.after_id)),
         concat_ws('.', g.up_to_epoch, g.up_to_tick, g.up_to_id)
    from converge.inbox_gap g
   where g.consumer = $1
     and (g.filled_epoch is null
          or (g.filled_epoch, g.filled_tick, g.filled_id) < (g.up_to_epoch, g.up_to_tick, g.up_to_id))
   order by g.gap
$$;

-- Parked keys: keys that wait, with their events in line, in order. Slices append (they hold this row from the update of `tail` to
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

-- Parked events: those that wait and those that were given up, as they came, with every attempt. A dead letter is one in state dead.
create table converge.parked (
  id            uuid        primary key,  -- a function of consumer and record: a repeated record makes no second one
  consumer      text        not null,
  topic         text        not null,
  line          text,                     -- the key in whose line it stands; null: its key continues without it
  seq           bigint,
  state         text        not null check (state in ('waiting', 'dead', 'rejected', 'skipped', 'superseded', 'replaced')),
  run           int         not null default 0,  -- how often an operator retried it
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
  structural    boolean     not null default false,  -- waiting does not fix it
  attempts      text        not null default '[]',   -- JSON: [{at, durationMs, category, certainty, code, message}, …]
  first_at      timestamptz,              -- of the attempts
  last_at       timestamptz,
  failure_event uuid,                     -- set when the failure event was emitted
  note          text,                     -- why an operator or a saga took it out of the line
  parked_at     timestamptz not null default clock_timestamp(),
  changed_at    timestamptz not null default clock_timestamp(),
  topic_id      text,                     -- distinguishes offsets of a topic from those of a later one of the same name
  closed        text,                     -- why a dead letter must not be retried: its failure was acted on (the step before it is undone)
  in_log        boolean     not null default false,  -- more than the key's row limit waits before it: the bytes are in the log, and are read when due
  -- A short hash of a failure's code and of the shape of its text: what is quoted, and every word with a digit in it, is left out, so
  -- that failures of one kind share it whatever their ids and amounts are. It is computed when the failure is written, since a page
  -- of a hundred thousand dead letters would take seconds to do so. Null: the event was not attempted.
  fingerprint   text        generated always as (
    left(md5(code || ' ' || regexp_replace(left(reason, 300), '"[^"]*"|[[:alnum:]_-]*[0-9][[:alnum:]_-]*', '#', 'g')), 10)) stored,
  -- The id of the dead letter in whose place an operator put this event, in the line of its key. It goes to the handler that failed.
  replaces      text,
  foreign key (consumer, topic, line) references converge.parked_key,  -- no event is left behind without its key
  check ((line is null) = (seq is null)),
  check (state <> 'waiting' or line is not null),
  check (state in ('waiting', 'dead') or line is null),
  check ((category is null) = (certainty is null) and (category is null) = (code is null)),
  check (state not in ('dead', 'rejected') or (category is not null and failure_event is not null))
);
create unique index parked_line on converge.parked (consumer, topic, line, seq) where line is not null;
create index parked_state on converge.parked (consumer, state, parked_at);
-- A saga that undoes a step takes the event that would have begun it out of its line, by its id.
create index parked_event on converge.parked (consumer, event_id) where line is not null;
-- For the history of an event.
create index parked_event_id on converge.parked (event_id);
-- For retention: events that are only kept on record.
create index parked_ended on converge.parked (changed_at) where state in ('rejected', 'skipped', 'superseded', 'replaced');
-- An event that was retried or replaced after its key was released has a line of its own, by the id of its row.
create index parked_own_line on converge.parked (consumer, key) where line = id::text;
-- How much of a line has its bytes here: at most `parking.maxRowsPerKey` entries of it.
create index parked_whole on converge.parked (consumer, topic, line) where line is not null and not in_log;
-- Dead letters that hold no key and of which no event of ours could be read: any writer of a topic can make them without end, so
-- a consumer keeps the newest with their bytes.
create index parked_unreadable on converge.parked (consumer, parked_at, record_offset, id)
  where state = 'dead' and line is null and (event_id is null or code = 'FAILURE_SOURCE');

-- Attempts at events, for the history of an event. Written with the transaction that ends the event, so an event
-- whose first attempt succeeded has no row; a compensation always has one. Rows leave by age.
create table converge.inbox_attempt (
  id               uuid        primary key,  -- a function of event, handler, run, start and number: written once
  consumer         text        not null,
  handler          text        not null,
  phase            text        not null check (phase in ('apply', 'undo', 'failure', 'resolve')),
  event_id         text,                     -- null when the envelope could not be read
  topic            text        not null,
  partition        int         not null,
  record_offset    bigint      not null,
  key              text        not null,     -- for people: control characters are replaced
  run              int         not null default 0 check (run >= 0),  -- how often an operator retried it
  number           int         not null check (number > 0),          -- within the run; a rerun keeps its number
  started_at       timestamptz not null,
  duration_ms      int         not null check (duration_ms >= 0),
  -- What followed. The words of the retry decision; pause: a breaker was open, nothing was called.
  outcome          text        not null check (outcome in
    ('applied', 'retry', 'rerun', 'pause', 'park', 'dead', 'reject', 'stop')),
  category         text        check (category in
    ('network', 'throttle', 'service', 'contention', 'data', 'configuration', 'business', 'bug')),
  certainty        text        check (certainty in ('not_applied', 'applied', 'unknown')),
  code             text,
  message          text,
  -- The wait that followed, and what it was computed from.
  wait_rule        text        check (wait_rule in
    ('backoff', 'throttle', 'retry_after', 'contention', 'breaker_open', 'slow_schedule')),
  wait_ms          int         check (wait_ms >= 0),
  wait_hint_ms     bigint,
  wait_cap_ms      bigint,
  traceparent      text,                     -- of the attempt's span, where it was traced
  caused_by        uuid,                     -- of a compensation: the attempt that made it necessary
  parked_at        timestamptz,              -- of a drain's attempt: since when its event had stood in the line of its key
  check ((outcome = 'applied') = (category is null)),
  check ((category is null) = (certainty is null) and (category is null) = (code is null)),
  check ((wait_rule is null) = (wait_ms is null) and (wait_rule is null) = (wait_cap_ms is null))
);
create index inbox_attempt_event on converge.inbox_attempt (event_id);
create index inbox_attempt_started on converge.inbox_attempt (started_at);  -- retention takes ranges of it

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

-- Returns whether events of keys are parked: they wait, or their first one is a dead letter that holds the key.
create function converge.inbox_parked(consumer text, topic text, keys text[]) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
  select exists (select from converge.parked_key k where k.consumer = $1 and k.topic = $2 and k.key = any ($3))
      or exists (select from converge.parked p
                  where p.consumer = $1 and p.topic = $2 and p.key = any ($3) and p.line = p.id::text)
$$;

-- Unregisters a type of a consumer, of every topic if none is given. Null: the consumer has registered no such type.
create function converge.inbox_drop_type(consumer text, type text, topic text) returns boolean
  language sql
  set search_path = pg_catalog, pg_temp
  as $$
  update converge.inbox_consumer c
     set types = (select jsonb_object_agg(t.topic, case when t.topic = coalesce($3, t.topic) then t.own - $2 else t.own end)
                    from jsonb_each(c.types) as t (topic, own))
   where c.name = $1 and exists (
     select from jsonb_each(c.types) as t (topic, own) where t.own ? $2 and t.topic = coalesce($3, t.topic))
  returning true
$$;

-- The same as an act of an operator: the audit has it. False: nothing was withdrawn.
create function converge.act_consumers_types_drop(consumer text, type text, topic text, by text, reason text) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if converge.inbox_drop_type($1, $2, $3) is not true then return false; end if;
  perform converge.record_act('consumers types drop', 'consumer', $1, $4, $5,
    jsonb_strip_nulls(jsonb_build_object('type', $2, 'topic', $3)), null);
  return true;
end $$;
revoke execute on function converge.act_consumers_types_drop(text, text, text, text, text) from public;
