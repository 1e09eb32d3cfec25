-- Acts of operators are in converge.audit.
drop table converge.inbox_audit, converge.parked_audit;
alter table converge.inbox_rejected drop column rejected_by, drop column role, drop column reason;
