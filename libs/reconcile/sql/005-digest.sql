-- Ranges of a reconciler's key space: range r of 2^bits has the keys whose hash is in [r << (64 - bits), (r + 1) << (64 - bits)).
-- A range that is due waits for one process, which holds it by a lease. `due` is also the checkpoint: it is cleared when the
-- range was compared, so an interrupted pass goes on with the ranges that are left.
create table converge.reconcile_range (
  reconciler   text        not null,
  bits         smallint    not null check (bits between 1 and 16),
  range        int         not null,
  -- full: rows are hashed; version: keys and versions are hashed; null: only its dirty keys are compared.
  due          text        check (due in ('version', 'full')),
  -- The rows of the larger side at the last comparison.
  rows         bigint      not null default 0,
  -- The last comparison of the whole range, and the last one that hashed whole rows.
  checked_at   timestamptz,
  full_at      timestamptz,
  holder       text,
  leased_until timestamptz,
  primary key (reconciler, bits, range),
  constraint reconcile_range_lease check ((holder is null) = (leased_until is null))
) with (fillfactor = 50);

-- Hashes of keys that may have changed, one row for each report. Rows are only added and removed: two transactions never wait
-- for each other here. A pass removes the rows that it could see when it read them, by `tx`: a report that commits later stays.
create table converge.reconcile_dirty (
  reconciler text     not null,
  id         bigint   generated always as identity,
  hashes     bigint[] not null,
  -- Since when the key differs while its row is younger than the settle window; null: it was reported.
  hot_since  timestamptz,
  tx         xid8     not null default pg_current_xact_id(),
  primary key (reconciler, id)
);
