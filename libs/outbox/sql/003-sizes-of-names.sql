-- A row that is inserted past `emit` obeys the limits of `emit` too: a key of 200 MB took a gigabyte of the relay, and fitted into no
-- record, so its topic was halted for good.
alter table converge.outbox add constraint outbox_names check (
  octet_length(topic) between 1 and 249 and octet_length(key) between 1 and 1024 and octet_length(type) between 1 and 200);
