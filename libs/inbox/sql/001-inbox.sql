-- Who has positions here. Its row is locked while topics are registered, so that two members agree on the start.
create table converge.inbox_consumer (
  name          text        primary key,
  registered_at timestamptz not null default clock_timestamp()
);

-- The fence, one row per partition: every slice moves next_offset from the value that it expects, whatever it holds.
-- Zero rows moved = another owner was here first. It is also where to seek at assignment (Kafka's offset is a hint).
create table converge.inbox_partition (
  consumer      text        not null references converge.inbox_consumer (name),
  topic         text        not null,
  partition     int         not null check (partition >= 0),
  topic_id      text,       -- null where the broker cannot tell; another one = the topic was made anew
  start_offset  bigint      not null check (start_offset >= 0),
  next_offset   bigint      not null check (next_offset >= 0),
  state         text        not null default 'running' check (state in ('running', 'halted')),
  halted_code   text,
  halted_reason text,
  halted_at     timestamptz,
  primary key (consumer, topic, partition),
  check ((state = 'halted') = (halted_code is not null and halted_reason is not null and halted_at is not null))
) with (fillfactor = 50);  -- updated by every slice: room for HOT updates, so the index never grows

-- The dedup: an event of a source at or below it was handled. Rows of older epochs stay.
create table converge.inbox_watermark (
  consumer  text   not null,
  topic     text   not null,
  partition int    not null,
  source    uuid   not null,
  epoch     int    not null check (epoch > 0),
  tick      bigint not null,
  id        bigint not null,
  primary key (consumer, topic, partition, source, epoch),
  foreign key (consumer, topic, partition) references converge.inbox_partition
) with (fillfactor = 50);

-- The source that a consumer knows under a name. Positions of another uuid under the same name do not count.
create table converge.inbox_source (
  consumer  text        not null,
  name      text        not null,
  source    uuid        not null,
  pinned_at timestamptz not null default clock_timestamp(),
  primary key (consumer, name)
);

-- Events without a position of a known source: one row each. The payload's hash tells a repeat from a reused id.
-- The identity is a hash of source and id: foreign ids may be longer than an index takes.
create table converge.inbox_foreign (
  consumer     text        not null,
  identity     bytea       not null check (octet_length(identity) = 32),
  payload_hash bytea       not null check (octet_length(payload_hash) = 32),
  event_id     text        not null,
  seen_at      timestamptz not null default clock_timestamp(),
  primary key (consumer, identity)
);
create index inbox_foreign_seen_at on converge.inbox_foreign (seen_at);

-- Events given up, as they came, with every attempt. Written with the fence and the failure event in one transaction.
create table converge.dead_letter (
  id            uuid        primary key,  -- a function of consumer and record: a repeated record makes no second one
  consumer      text        not null,
  handler       text        not null,
  topic         text        not null,
  partition     int         not null,
  record_offset bigint      not null,
  position      text,
  event_id      text,       -- these four are null when the envelope could not be read
  type          text,
  version       int,
  source        text,
  key           text        not null,     -- for people: control characters are replaced
  record_key    bytea,
  headers       text        not null,     -- JSON: [[name, text | null | {"base64": …}], …] in the record's order
  payload       bytea,                    -- the bytes as they came
  category      text        not null check (category in
    ('network', 'throttle', 'service', 'contention', 'data', 'configuration', 'business', 'bug')),
  certainty     text        not null check (certainty in ('not_applied', 'applied', 'unknown')),
  code          text        not null,
  reason        text        not null,
  attempts      text        not null,     -- JSON: [{at, durationMs, category, certainty, code, message}, …]
  first_at      timestamptz not null,
  last_at       timestamptz not null,
  failure_event uuid        not null,
  created_at    timestamptz not null default clock_timestamp()
);
create index dead_letter_consumer on converge.dead_letter (consumer, created_at);
