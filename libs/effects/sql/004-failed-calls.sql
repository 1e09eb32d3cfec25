-- Ended calls with a failed attempt, for the failures over time that operators see. Calls that succeed at once are not in it, so it
-- costs only what failed.
create index saga_work_failed on converge.saga_work (ended_at) include (attempts, state)
  where ended_at is not null and (state = 'failed' or attempts > 1);
