-- What operators search all sagas by, also those that ended: the key, and the trace in which a saga began. Only an observer writes
-- this table, one insert an instance and an update a fact; the two indexes cost it what `saga_instance_state` costs.
alter table converge.saga_instance add column trace_id text;
create index saga_instance_key on converge.saga_instance (key);
create index saga_instance_trace on converge.saga_instance (trace_id) where trace_id is not null;
