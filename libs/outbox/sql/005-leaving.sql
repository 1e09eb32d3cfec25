-- Children that may go: every event of theirs is in the log and past its time. Written, fenced by the relay's lease,
-- before the first step of a removal, which takes three transactions: so whoever comes after a crash knows which
-- detached tables are the kit's to drop. One that an operator detached to keep it is not in here, and is left alone.
create table converge.outbox_leaving (
  child      text        primary key,
  decided_at timestamptz not null default clock_timestamp()
);
