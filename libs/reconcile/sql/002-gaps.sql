-- Gaps of a consumer whose keys were queued, or for which everything was: each once for each reconciler.
create table converge.reconcile_gap (
  reconciler text        not null,
  gap        bigint      not null,
  -- How many keys were queued; null when they were not known any more, and all were.
  keys       bigint,
  queued_at  timestamptz not null default clock_timestamp(),
  primary key (reconciler, gap)
);
