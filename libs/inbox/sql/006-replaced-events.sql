-- An operator may replace a dead letter by a new event with other data: it takes the dead letter's place in the line of its key, and
-- goes to the handler that failed alone. The checks only become wider, so that the version before runs on.
alter table converge.parked drop constraint parked_state_check;
alter table converge.parked add constraint parked_state_check
  check (state in ('waiting', 'dead', 'rejected', 'skipped', 'superseded', 'replaced'));
alter table converge.parked add column replaces text;          -- the id of the event in whose place an operator put this one
drop index converge.parked_ended;
create index parked_ended on converge.parked (changed_at) where state in ('rejected', 'skipped', 'superseded', 'replaced');
