-- Whose failure events count: the source of the consumer that failed. Pinned at first sight, or declared by the consumer.
create table converge.inbox_failure_source (
  consumer  text        not null,
  failing   text        not null,  -- the consumer whose failure topic it is
  source    uuid        not null,
  pinned_at timestamptz not null default clock_timestamp(),
  primary key (consumer, failing)
);

-- Records that could not be read, where no row of their own is kept: batches that cannot be decoded, and what comes after
-- so many unreadable records that each with a row of its own would fill the database. `sha256` is of all their bytes, each
-- row's of the one before it and the next.
create table converge.inbox_unread (
  id           bigint      generated always as identity primary key,
  consumer     text        not null,
  topic        text        not null,
  partition    int         not null,
  code         text        not null,
  reason       text        not null,  -- of the last
  first_offset bigint      not null,
  last_offset  bigint      not null,
  records      bigint      not null,
  bytes        bigint      not null,
  sha256       bytea       not null check (octet_length(sha256) = 32),
  first_at     timestamptz not null default clock_timestamp(),
  last_at      timestamptz not null default clock_timestamp()
);
create index inbox_unread_place on converge.inbox_unread (consumer, topic, partition, id);

-- What the event at the watermark said, for comparison with what comes later: which record it was, which event it named
-- before it, and when the newest event until then was made. Valid only where seen_tick and seen_id are the watermark's:
-- a member of before moves the watermark alone.
alter table converge.inbox_watermark
  add column seen_tick     bigint,
  add column seen_id       bigint,
  add column seen_offset   bigint,
  add column seen_event    text,
  add column prev_epoch    int,
  add column prev_tick     bigint,
  add column prev_id       bigint,
  add column newest_ms     bigint,
  add column unknown_until bigint;

-- Records that an operator rejected as forged: they are recorded as dead letters, and their position does not count.
create table converge.inbox_rejected (
  consumer      text        not null,
  topic         text        not null,
  partition     int         not null,
  record_offset bigint      not null,
  rejected_by   text        not null check (btrim(rejected_by) <> ''),
  role          text        not null default session_user,
  reason        text        not null check (btrim(reason) <> ''),
  rejected_at   timestamptz not null default clock_timestamp(),
  primary key (consumer, topic, partition, record_offset),
  foreign key (consumer, topic, partition) references converge.inbox_partition
);
