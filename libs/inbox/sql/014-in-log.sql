-- An event that waits behind more of its key than rows are kept for stands in line without its bytes: they are in the log, at
-- its offset, and are read when its turn comes.
alter table converge.parked add in_log boolean not null default false;

-- How much of a line has its bytes here: at most `parking.maxRowsPerKey` entries of it.
create index parked_whole on converge.parked (consumer, topic, line) where line is not null and not in_log;

-- Never used.
drop table converge.inbox_unread;
