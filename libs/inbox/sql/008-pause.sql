-- An operator may pause a partition, as the kit halts one.
alter table converge.inbox_audit drop constraint inbox_audit_action_check;
alter table converge.inbox_audit add constraint inbox_audit_action_check check (action in ('resume', 'replay', 'pause'));
