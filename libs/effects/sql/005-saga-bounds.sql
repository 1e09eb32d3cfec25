-- No work waits without a bound: see docs/guides/waiting.md.
alter table converge.saga_work
  -- Since when it could have been done: when it was first due, or an operator last acted on it.
  add column waits_since timestamptz not null default clock_timestamp(),
  -- Since when it has waited for longer than its bound: an operator was alerted, once. It goes on being tried.
  add column late_since  timestamptz;
create index saga_work_waiting on converge.saga_work (waits_since)
  where late_since is null and state in ('ready', 'calling', 'unknown', 'answered');
