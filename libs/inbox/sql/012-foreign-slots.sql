-- Rows of foreign events leave by whole tables instead of one by one: four slots in turn. Slices write into the one that is
-- current; the oldest is emptied, and becomes current, when nothing in it is needed any more.
create table converge.inbox_foreign_slot (
  slot     int         primary key check (slot between 0 and 3),
  began_at timestamptz not null   -- when it became current; the newest is
);
insert into converge.inbox_foreign_slot
  values (0, clock_timestamp()), (1, '-infinity'), (2, '-infinity'), (3, '-infinity');

-- The table of before is the first slot, so that members of before go on beside the new ones: they see the same rows. Its
-- primary key, and the default of its slot, are for them alone.
drop index converge.inbox_foreign_seen_at;
alter table converge.inbox_foreign add slot int not null default 0;
create table converge.inbox_foreign_seen (
  like converge.inbox_foreign including defaults including constraints,
  unique (consumer, identity, slot)
) partition by list (slot);
alter table converge.inbox_foreign_seen alter slot drop default;
create index on converge.inbox_foreign_seen using brin (seen_at);  -- for the story of an event: rows come in its order
alter table converge.inbox_foreign_seen attach partition converge.inbox_foreign for values in (0);
create table converge.inbox_foreign_1 partition of converge.inbox_foreign_seen for values in (1);
create table converge.inbox_foreign_2 partition of converge.inbox_foreign_seen for values in (2);
create table converge.inbox_foreign_3 partition of converge.inbox_foreign_seen for values in (3);

-- Where consumers stood when a slot ceased to be current: its rows are of records below. It is not emptied while the log
-- still has one of them, since that record could be read again.
create table converge.inbox_foreign_below (
  slot        int    not null references converge.inbox_foreign_slot,
  consumer    text   not null,
  topic       text   not null,
  partition   int    not null,
  topic_id    text,
  next_offset bigint not null,
  primary key (slot, consumer, topic, partition)
);

-- How long rows of foreign events are kept at least, for producers that repeat themselves late. The longest of a database holds.
alter table converge.inbox_consumer add keep_foreign_ms bigint not null default 2592000000;
