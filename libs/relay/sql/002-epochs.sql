-- Timelines. A restored database goes back as a whole, so it is compared with the log; what must not be believed after
-- that comparison is left behind by a fork, as Postgres does with its own timelines.
create table converge.epoch (
  epoch       int         primary key check (epoch > 0),
  forked_tick bigint      not null check (forked_tick >= 0),  -- the last tick that it shares with the epoch before
  reason      text        not null,
  at          timestamptz not null default clock_timestamp()
);
insert into converge.epoch (epoch, forked_tick, reason) select epoch, 0, 'first' from converge.source;

-- What stood in the log beyond the fork of an epoch: for people, and for what they have to undo by hand.
create table converge.phantom (
  epoch      int    not null references converge.epoch,
  topic      text   not null,
  partition  int    not null,
  log_offset bigint not null,
  -- phantom: not in the outbox; sent_again: there, and sent once more under a position of the new epoch
  kind       text   not null check (kind in ('phantom', 'sent_again')),
  event_id   text   not null,
  position   text   not null,
  type       text   not null,
  key        text   not null,
  primary key (epoch, topic, partition, log_offset)
);

-- Where the relay last led: another cluster or database is a copy of this one, and lower transaction ids make its
-- snapshots worthless. Null until a leader wrote them.
alter table converge.relay_source
  add column system_identifier text,
  add column database_oid      oid,
  add column next_xid          xid8;

-- passed_*: counts while the cursor is of an older epoch than the source, that is until the first event of the new one
-- was sent: how far the partition's log holds what this timeline holds. log_end: the log's end at the last takeover.
alter table converge.relay_cursor
  add column passed_tick bigint not null default 0,
  add column passed_id   bigint not null default 0,
  add column log_end     bigint;
