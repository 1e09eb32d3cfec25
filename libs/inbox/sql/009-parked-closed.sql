-- Why a dead letter must not be tried again: others act on its failure already (the step before it is undone).
alter table converge.parked add column closed text;

-- A saga that undoes a step takes the event that would have begun it out of its line, by its id.
create index parked_event on converge.parked (consumer, event_id) where line is not null;
