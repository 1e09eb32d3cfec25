-- Several effects of one service that stand or fall together: see src/stack. One row says how far a stack has come, and
-- who may act on it; its journal says everything that was intended, done and undone.
create table converge.saga_stack (
  stack        text        not null,   -- the declaration's name
  id           text        not null,   -- the caller's: a repeat under it is the same one
  input        text        not null,   -- JSON
  -- running       its effects are being made · completed: all of them stand
  -- compensating  they are undone, the last one first · compensated: nothing of them is left, or a person let go of it
  -- stuck         it waits for a person, for the reason beside it; with due_at it goes on trying meanwhile
  state        text        not null default 'running' check (state in
    ('running', 'completed', 'compensating', 'compensated', 'stuck')),
  stuck_reason text        check (stuck_reason in
    ('irreversible', 'undo_failing', 'outcome_unknown', 'result_lost', 'step_undeclared')),
  result       text,                   -- JSON, of a completed one
  entries      int         not null default 0,  -- the length of the journal
  seal         text        not null,   -- over the whole journal: the hash of its last entry
  holder       text,
  term         bigint      not null default 1,  -- rises with each claim and each act of an operator: fences every entry
  -- When a worker may take it; while somebody holds it, when the lease ends. Null: nobody takes it by itself.
  due_at       timestamptz,
  created_at   timestamptz not null default clock_timestamp(),
  ended_at     timestamptz,
  primary key (stack, id),
  check ((state = 'stuck') = (stuck_reason is not null)),
  check ((state in ('completed', 'compensated')) = (ended_at is not null)),
  check (ended_at is null or due_at is null)
) with (fillfactor = 50);  -- updated with every entry

-- What workers look for: leases that ended, and undos that are due.
create index saga_stack_due on converge.saga_stack (stack, due_at) where due_at is not null;
create index saga_stack_stuck on converge.saga_stack (created_at) where state = 'stuck';
create index saga_stack_ended on converge.saga_stack (ended_at) where ended_at is not null;

-- The journal: append only. An intent, with the planned undo and its order, stands here before its effect is tried.
create table converge.saga_stack_step (
  stack  text        not null,
  id     text        not null,
  seq    int         not null,         -- from 1, without a hole
  kind   text        not null check (kind in ('scope', 'scope_done', 'intent', 'repeat', 'unknown', 'result', 'failed',
    'compensate', 'undo', 'undo_failed', 'undone', 'scope_undone', 'stuck', 'operator', 'completed', 'compensated')),
  step   int,                          -- the step's number from 1: what has the higher one is undone first
  path   text        not null,         -- of the step or scope; '' is the whole stack
  data   text        not null,         -- JSON, what the kind needs besides
  seal   text        not null,         -- SHA-256 over the seal before, and this entry
  term   bigint      not null,         -- of the lease under which it was written
  at     timestamptz not null default clock_timestamp(),
  primary key (stack, id, seq),
  foreign key (stack, id) references converge.saga_stack on delete cascade
);
