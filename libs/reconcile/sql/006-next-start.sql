-- The next start of the schedule, its delay included. The leader writes it, so that a start that no process makes is seen without
-- the declaration. null: no schedule.
alter table converge.reconciler add column next_start_at timestamptz;
