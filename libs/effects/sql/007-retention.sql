-- Rows of sagas that ended long ago leave by themselves: see src/retention. Below the horizon of a saga a step that has no
-- row is not one that nothing has reached yet: its row may have left. It is raised in a transaction before rows leave.
create table converge.saga_horizon (
  saga      text        primary key,
  before    timestamptz not null,   -- of the start of a run
  raised_at timestamptz not null default clock_timestamp()
);

-- Of a run whose id does not say when it started (a foreign producer's start): the bare row stays, without journal and events.
alter table converge.saga_fence add column stripped_at timestamptz;

alter table converge.saga_join add column changed_at timestamptz not null default clock_timestamp();
create index saga_join_at on converge.saga_join (changed_at);
create index saga_start_at on converge.saga_start (started_at);

-- record_swept: an undo was asked for after the row of its step had left.
alter table converge.saga_work drop constraint saga_work_stuck_reason_check;
alter table converge.saga_work add constraint saga_work_stuck_reason_check check (stuck_reason in
  ('outcome_unknown', 'result_lost', 'input_unreadable', 'operator', 'record_swept'));
