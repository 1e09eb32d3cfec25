-- What each step of each saga has come to, in the database of the service that runs it. Whoever meets a step (the event
-- that begins it, a failure, an undo, a timer, an operator) inserts the row, or locks it, and decides by its state.
create table converge.saga_fence (
  saga          text        not null,
  instance      text        not null,   -- the id of the event that started it
  step          text        not null,
  version       int         not null check (version > 0),  -- of the declaration
  consumer      text        not null,
  key           text        not null,   -- of the event that came first, for people
  -- The words of the table in src/fence/fence.ts.
  state         text        not null check (state in
    ('started', 'applied', 'rejected', 'failed_not_applied', 'failed_applied', 'unknown', 'tombstoned', 'undo_pending',
     'undone', 'stuck')),
  seq           int         not null default 1,  -- of the last row of the journal
  intent        text,       -- JSON: the events that began it
  result        text,       -- JSON: its success event
  undo          text,       -- JSON: what asks for its undo
  reason_code   text,       -- why it failed, or is undone
  reason        text,
  cause_event   text        not null,   -- of the last change
  cause_attempt text,       -- the attempt that made it necessary
  stuck_since   timestamptz,            -- since when it waits for a person
  created_at    timestamptz not null default clock_timestamp(),
  changed_at    timestamptz not null default clock_timestamp(),
  primary key (saga, instance, step)
) with (fillfactor = 70);  -- updated two to five times in its life, never an indexed column before it is open or stuck

create index saga_fence_open on converge.saga_fence (changed_at)
  where state in ('started', 'unknown', 'undo_pending', 'stuck');

-- The journal: one row for each decision of a fence that changed or answered something, in the deciding transaction.
create table converge.saga_step (
  id            bigint      generated always as identity primary key,
  saga          text        not null,
  instance      text        not null,
  step          text        not null,
  seq           int         not null,
  version       int         not null,
  op            text        not null check (op in ('apply', 'compensate', 'cancel', 'deadline', 'resolve')),
  trigger       text        not null,
  state_from    text        not null,   -- absent: it had no row
  state_to      text        not null,
  act           text        not null,
  outcome       text,       -- of an effect: the event that says so, or the failure's code
  plan          text,       -- JSON, of an apply: how it is undone, and after which steps
  cause_event   text        not null,
  cause_attempt text,
  emitted_event uuid,
  actor         text,       -- a person
  note          text,
  at            timestamptz not null default clock_timestamp(),
  unique (saga, instance, step, seq)
);
create index saga_step_at on converge.saga_step (at);

-- Steps that wait for several others: who has come. The one that completes it goes on, in the same transaction.
create table converge.saga_join (
  saga      text  not null,
  instance  text  not null,
  step      text  not null,
  waits_for text  not null check (waits_for in ('begin', 'undo')),
  members   jsonb not null,   -- step → the event that it told, as JSON text
  primary key (saga, instance, step, waits_for)
);

-- Sagas whose start the service has seen that may call them off: a cancellation finds them by the key of their start.
create table converge.saga_start (
  saga       text        not null,
  instance   text        not null,
  version    int         not null,
  key        text        not null,
  started_at timestamptz not null default clock_timestamp(),
  primary key (saga, instance)
);
create index saga_start_key on converge.saga_start (saga, key);

-- Work of sagas: calls of external steps, undos that are tried again, timers.
alter table converge.saga_work
  add column saga     text,
  add column instance text,
  add column step     text,
  -- expire: a step's own deadline; the others as in the journal
  add column op       text check (op in ('apply', 'compensate', 'resolve', 'cancel', 'deadline', 'expire')),
  add check ((saga is null) = (instance is null) and (saga is null) = (step is null) and (saga is null) = (op is null));
create index saga_work_step on converge.saga_work (saga, instance, step) where saga is not null;
