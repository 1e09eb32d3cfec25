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
  -- The verdict of its last audit row that was no repair: the next row is written when the verdict differs.
  verdict              text,
  -- When it was first found divergent; null = it is not. For the time to recovery.
  diverged_at          timestamptz,
  -- When the present quiet window began: a healthy look counts once in each window.
  quiet_since          timestamptz,
  -- What a drift waits for: events on their way, a halted partition, parked events, an open step (`reason` says it in words). JSON, see
  -- libs/reconcile/src/in-flight/wait.ts: kept between two looks, so that later events do not prolong the wait.
  wait                 text,
  -- Since when it has waited; null: it does not wait for others.
  waits_since          timestamptz,
  primary key (reconciler, key),
  constraint reconcile_key_lease check ((state = 'running') = (holder is not null and leased_until is not null))
);
create index reconcile_key_due on converge.reconcile_key (reconciler, priority, next_at) where state = 'queued';
create index reconcile_key_leased on converge.reconcile_key (reconciler, leased_until) where state = 'running';

-- One row per reconciler: its runs, its repairs in the present window, and what an operator decided, so that it survives restarts.
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
  held_reason       text,
  -- An approval: until when, by whom and why.
  approved_until    timestamptz,
  approved_by       text,
  approved_reason   text,
  -- The last scheduled start that was made, or left out on purpose. Later starts up to now are due.
  scheduled_until   timestamptz,
  -- Paused: nothing is run and no key is compared until an operator resumes it.
  paused_at         timestamptz,
  paused_by         text,
  paused_reason     text,
  -- The next start of the schedule, its delay included. The leader writes it, so that a start that no process makes is seen without
  -- the declaration. null: no schedule.
  next_start_at     timestamptz,
  -- The keys that an operator approved by name; null = the approval is for any key of the reconciler.
  approved_keys     text[],
  -- Who asked for a run that has not begun. The leader, in whichever process it is, makes it; several requests are one run.
  requested_by      text,
  -- Gaps of its consumer whose keys were queued, each once.
  gaps              bigint[]    not null default '{}',
  -- The ranges of the key space of its digest scan: which are due, when each was compared, and which process holds it by a lease
  -- (libs/reconcile/src/digest/ranges.ts).
  ranges            json,
  constraint reconciler_paused check ((paused_at is null) = (paused_by is null) and (paused_at is null) = (paused_reason is null))
);

-- One row per repair, written in the transaction of the repair, and one for each change of a verdict that was no repair. A row without
-- a key is of the reconciler: an approval.
create table converge.reconcile_audit (
  id          bigint      generated always as identity primary key,
  at          timestamptz not null default clock_timestamp(),
  reconciler  text        not null,
  key         text,
  desired     json,
  before      json,
  after       json,
  drift       json,
  why         text        not null,
  cause       text        not null,
  actor       text        not null,
  term        bigint,
  verdict     text        not null default 'repaired'
);
create index reconcile_audit_key on converge.reconcile_audit (reconciler, key, id);
create index reconcile_audit_at on converge.reconcile_audit (at);

-- The audit leaves only by this function of the owner: rows that are a day old at least, at most `most` of them.
create function converge.reconcile_audit_prune(keep_ms double precision, most integer) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
  with gone as (
    delete from converge.reconcile_audit where id in (
      select id from converge.reconcile_audit
       where at < clock_timestamp() - greatest(keep_ms * interval '1 millisecond', interval '1 day')
       order by at limit most for update skip locked)
    returning 1)
  select count(*) from gone
$$;
revoke execute on function converge.reconcile_audit_prune(double precision, integer) from public;

-- The history of runs. A run lists keys and queues them; workers compare them meanwhile and after it.
create table converge.reconcile_run (
  id         bigint      generated always as identity primary key,
  reconciler text        not null,
  -- schedule, run now (requested), once (`converge reconcile run --once`), gap
  cause      text        not null,
  -- Who asked for it; null: the schedule did.
  actor      text,
  -- skipped: starts that were not made; reason says why
  state      text        not null check (state in ('running', 'completed', 'interrupted', 'failed', 'skipped')),
  -- Made by the leader of the schedule: if it is interrupted, the next leader continues it at its checkpoint.
  led        boolean     not null,
  -- The leader that makes it. Another one that continues it writes its own name here, which fences the former.
  holder     text,
  resumed    int         not null default 0,
  -- The scheduled time of the oldest start that it stands for.
  due_at     timestamptz,
  started_at timestamptz not null default clock_timestamp(),
  ended_at   timestamptz,
  -- Scheduled starts that it stands for besides its own (skipped: all); overrun: those that came during the run before it.
  missed     int         not null default 0,
  overrun    int         not null default 0,
  keys       bigint      not null default 0,
  -- Chunks of the scan that a side could not answer. They are not known to agree.
  unknown    bigint      not null default 0,
  checkpoint json,
  -- Comparisons of the keys that it queued, by outcome; they continue after its end.
  outcomes   jsonb       not null default '{}',
  reason     text,
  check ((state = 'running') = (ended_at is null))
);
create index reconcile_run_newest on converge.reconcile_run (reconciler, id);
-- One run of a schedule at a time, whatever processes believe.
create unique index reconcile_run_open on converge.reconcile_run (reconciler) where led and state in ('running', 'interrupted');

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
