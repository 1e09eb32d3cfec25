-- Cursors are updated many times a second. While a snapshot is held (a dump, a report, a forgotten transaction), old
-- versions of a row cannot be pruned, and a look-up by (topic, partition) walks over all of them. `save` goes up at every
-- 32nd save of a row: a leader that knows it finds the row among few versions, and a HOT chain ends with it.
alter table converge.relay_cursor add column save bigint not null default 0;
alter table converge.relay_cursor drop constraint relay_cursor_pkey;
alter table converge.relay_cursor add primary key (topic, partition, save);
