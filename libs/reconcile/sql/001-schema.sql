-- One number per claim, never given twice: it distinguishes a worker from its former self, also after the row was deleted.
create sequence converge.reconcile_term as bigint;

-- The durable work queue. The unit is a key, never an event: however often a key is reported, it is queued once.
-- queued → running → idle | queued | terminal; a key without any history has no row.
create table converge.reconcile_key (
  reconciler           text        not null,
  key                  text        not null,
  state                text        not null check (state in ('queued', 'running', 'idle', 'terminal')),
  -- 0 operator, 1 event, 2 retry, 3 sweep
  priority             smallint    not null check (priority between 0 and 3),
  next_at              timestamptz not null,
  -- When the first report of this debounce window came; null = no window is open.
  window_started_at    timestamptz,
  -- Reported while running: it runs once more.
  dirty                boolean     not null default false,
  cause                text        not null,
  failures             int         not null default 0,
  conflicts            int         not null default 0,
  repairs              int         not null default 0,
  healthy_streak       int         not null default 0,
  -- The last drift and since when it has been the same: it must be unchanged for the settle window.
  drift_hash           text,
  drift_since          timestamptz,
  -- Kept until it is read: an older version that is read is a stale view.
  last_version_written bigint,
  reason               text,
  holder               text,
  term                 bigint,
  leased_until         timestamptz,
  updated_at           timestamptz not null default clock_timestamp(),
  primary key (reconciler, key),
  constraint reconcile_key_lease check ((state = 'running') = (holder is not null and leased_until is not null))
);
create index reconcile_key_due on converge.reconcile_key (reconciler, priority, next_at) where state = 'queued';
create index reconcile_key_leased on converge.reconcile_key (reconciler, leased_until) where state = 'running';

-- One row per reconciler: its last run, and its repairs in the present window.
create table converge.reconciler (
  name              text        primary key,
  last_run_at       timestamptz,
  last_run_ended_at timestamptz,
  last_run_keys     bigint      not null default 0,
  window_started_at timestamptz not null default clock_timestamp(),
  window_repairs    bigint      not null default 0,
  -- Repairs beyond the limits that an operator granted and that are not used up.
  approved          bigint      not null default 0,
  held_at           timestamptz,
  held_reason       text
);

-- One row per repair, written in the transaction of the repair.
create table converge.reconcile_audit (
  id          bigint      generated always as identity primary key,
  at          timestamptz not null default clock_timestamp(),
  reconciler  text        not null,
  key         text        not null,
  desired     json,
  before      json,
  after       json,
  drift       json        not null,
  why         text        not null,
  cause       text        not null,
  actor       text        not null,
  term        bigint      not null
);
create index reconcile_audit_key on converge.reconcile_audit (reconciler, key, id);
create index reconcile_audit_at on converge.reconcile_audit (at);

-- Gaps of a consumer whose keys were queued: each once for each reconciler.
create table converge.reconcile_gap (
  reconciler text        not null,
  gap        bigint      not null,
  -- The number of queued keys; null if the keys were not known any more, and all keys were queued.
  keys       bigint,
  queued_at  timestamptz not null default clock_timestamp(),
  primary key (reconciler, gap)
);
