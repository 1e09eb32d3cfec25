-- Calls to other systems, each an intent until its result is settled. The intent is written in the transaction of the
-- slice that wants the call, so it exists if and only if that slice committed; the saga worker does the rest.
create table converge.saga_work (
  id              uuid        primary key,  -- a function of consumer, handler, event, effect and index: a replayed handler makes no second one
  consumer        text        not null,
  handler         text        not null,
  effect          text        not null,     -- the declaration's name
  key             text        not null,     -- of the event that asked, for people
  idempotency_key text        not null,
  input           text        not null,     -- JSON, as the declaration's schema gave it
  cause           text        not null,     -- JSON: {eventId, correlationId, hops, deadline?, headers}
  -- ready     no call was made, or the last one certainly took no effect
  -- calling   a worker holds it, and a call may be on its way
  -- unknown   a call was made, and nobody knows whether it took effect
  -- answered  the outcome is known and stored; what follows from it is not committed yet
  -- done, failed, stuck: see `outcome` and `stuck_reason`
  state           text        not null default 'ready' check (state in
    ('ready', 'calling', 'unknown', 'answered', 'done', 'failed', 'stuck')),
  stuck_reason    text        check (stuck_reason in
    ('outcome_unknown', 'result_lost', 'input_unreadable', 'operator')),
  -- When a worker may take it; while one holds it, when its lease ends. So one index finds both.
  due_at          timestamptz not null default clock_timestamp(),
  holder          text,
  term            bigint      not null default 0,  -- rises with each claim and each act of an operator: fences the settlement
  -- From here on "not found" is the last word on the calls that were made. Null when none of them is in doubt.
  final_at        timestamptz,
  attempts        int         not null default 0,  -- calls made
  queries         int         not null default 0,
  story           text        not null default '[]',  -- JSON: the last attempts, each with what was waited for after it
  outcome         text,         -- JSON: {kind: 'succeeded', result} | {kind: 'failed', failure}
  created_at      timestamptz not null default clock_timestamp(),
  ended_at        timestamptz,
  check ((state = 'stuck') = (stuck_reason is not null)),
  check ((state in ('done', 'failed')) = (ended_at is not null)),
  check (state not in ('answered', 'done', 'failed') or outcome is not null)
) with (fillfactor = 70);  -- updated three times in its life

-- What workers look for, by effect, since each effect has places of its own.
create index saga_work_due on converge.saga_work (effect, due_at) where state in ('ready', 'calling', 'unknown', 'answered');
create index saga_work_stuck on converge.saga_work (created_at) where state = 'stuck';
create index saga_work_ended on converge.saga_work (ended_at) where ended_at is not null;
