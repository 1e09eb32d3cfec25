-- The relay's own tables. It reads converge.outbox and converge.source, takes converge.lease, and writes only here.

-- A tick is a durable snapshot boundary. Window n is what is visible in snapshot n and not in snapshot n-1, ordered
-- by outbox.id: the same after any crash, for any relay.
create table converge.tick (
  number     bigint      primary key check (number >= 0),
  snapshot   pg_snapshot not null,
  own        xid8        not null,   -- the tick's own transaction: an id drawn before it belongs to an earlier xid
  floor      bigint      not null,   -- the sequence as an EARLIER statement saw it
  ceil       bigint      not null,   -- the sequence after the snapshot was taken
  nonce      text        not null check (nonce ~ '^[0-9a-f]{16}$'),   -- tells apart two ticks of one number (restore)
  epoch      int         not null,
  term       bigint      not null,
  created_at timestamptz not null default clock_timestamp()
);

-- Tick 0 is a constant, so that every row of the outbox comes after it. Taking the current snapshot at the first start
-- instead would hide every row that was there before.
insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
values (0, '3:3:', '3', 0, 0, '0000000000000000', 1, 0);

-- One row: every window up to done_tick is in the log, but for the topics that are held.
create table converge.relay_source (
  only_row  boolean primary key default true check (only_row),
  done_tick bigint  not null default 0,
  term      bigint  not null default 0
);
insert into converge.relay_source default values;

-- partitions is null until the topic was found. held_at: the first window whose events of this topic may be missing
-- from the log; null when done_tick counts this topic too. A halt concerns a whole topic, and may come before its
-- partitions are known, so it stands here and not in the cursor rows.
create table converge.relay_topic (
  topic       text   primary key,
  partitions  int    check (partitions > 0),
  held_at     bigint check (held_at > 0),
  held_reason text,
  term        bigint not null,
  check (held_at is not null or partitions is not null)
);

-- The last position acknowledged by the broker without a hole before it. It is also the next event's ce_prev, so the
-- two cannot disagree. Updated in place often: the columns stay out of every index (HOT), and pages keep room.
create table converge.relay_cursor (
  topic     text   not null references converge.relay_topic,
  partition int    not null check (partition >= 0),
  epoch     int    not null,
  tick      bigint not null,
  id        bigint not null,
  term      bigint not null,
  primary key (topic, partition)
) with (fillfactor = 50);
