-- How events were tried, for the story of an event. Written with the transaction that settles the event, so an event
-- whose first attempt succeeded has no row; a compensation always has one. Rows leave by age.
create table converge.inbox_attempt (
  id               uuid        primary key,  -- a function of event, handler, run, start and number: written once
  consumer         text        not null,
  handler          text        not null,
  phase            text        not null check (phase in ('apply', 'undo', 'failure', 'resolve')),
  event_id         text,                     -- null when the envelope could not be read
  topic            text        not null,
  partition        int         not null,
  record_offset    bigint      not null,
  key              text        not null,     -- for people: control characters are replaced
  run              int         not null default 0 check (run >= 0),  -- how often an operator had it tried again
  number           int         not null check (number > 0),          -- within the run; a rerun keeps its number
  started_at       timestamptz not null,
  duration_ms      int         not null check (duration_ms >= 0),
  -- What followed. The words of the retry decision; pause: a breaker was open, nothing was called.
  outcome          text        not null check (outcome in
    ('applied', 'retry', 'rerun', 'pause', 'park', 'dead', 'reject', 'stop')),
  category         text        check (category in
    ('network', 'throttle', 'service', 'contention', 'data', 'configuration', 'business', 'bug')),
  certainty        text        check (certainty in ('not_applied', 'applied', 'unknown')),
  code             text,
  message          text,
  -- The wait that followed, and what it was computed from.
  wait_rule        text        check (wait_rule in
    ('backoff', 'throttle', 'retry_after', 'contention', 'breaker_open', 'slow_schedule')),
  wait_ms          int         check (wait_ms >= 0),
  wait_hint_ms     bigint,
  wait_cap_ms      bigint,
  wait_budget_left real        check (wait_budget_left between 0 and 1),
  traceparent      text,                     -- of the attempt's span, where it was traced
  caused_by        uuid,                     -- of a compensation: the attempt that made it necessary
  check ((outcome = 'applied') = (category is null)),
  check ((category is null) = (certainty is null) and (category is null) = (code is null)),
  check ((wait_rule is null) = (wait_ms is null) and (wait_rule is null) = (wait_cap_ms is null))
);
create index inbox_attempt_event on converge.inbox_attempt (event_id);
create index inbox_attempt_started on converge.inbox_attempt (started_at);  -- retention takes ranges of it
