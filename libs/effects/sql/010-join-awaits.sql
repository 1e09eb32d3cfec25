-- Whom the step waits for, by the names that `members` has: what is missing of a join that leaves incomplete. Null: noted by a
-- version of before.
alter table converge.saga_join add column awaits text[];
