-- An operator may pause a partition, as the kit halts one.
alter table converge.inbox_audit drop constraint inbox_audit_action_check;
alter table converge.inbox_audit add constraint inbox_audit_action_check check (action in ('resume', 'replay', 'pause'));
-- An operator paused the consumer while the partition was halted for another reason, which stays: its parked events wait, too.
alter table converge.inbox_partition add column paused boolean not null default false;
