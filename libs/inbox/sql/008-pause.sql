-- An operator paused the consumer while the partition was halted for another reason, which stays: its parked events wait, too.
alter table converge.inbox_partition add column paused boolean not null default false;
