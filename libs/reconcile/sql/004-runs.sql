-- What every leader of the schedule must know, and what an operator decided: here, so that it survives restarts.
alter table converge.reconciler
  -- The last scheduled start that was made, or left out on purpose. Later starts up to now are due.
  add column scheduled_until timestamptz,
  -- Paused: nothing is run and no key is compared until an operator resumes it.
  add column paused_at       timestamptz,
  add column paused_by       text,
  add column paused_reason   text,
  add constraint reconciler_paused check ((paused_at is null) = (paused_by is null) and (paused_at is null) = (paused_reason is null));
update converge.reconciler set scheduled_until = last_run_at;

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

-- A run that an operator asked for. The leader, in whichever process it is, takes it; several requests are one run.
create table converge.reconcile_request (
  reconciler   text        primary key,
  requested_by text        not null,
  requested_at timestamptz not null default clock_timestamp()
);
