-- Records that a consumer left out because it had handled their event, for people. Processes count them in memory and add what is new
-- every few seconds, outside of slices: a process that is killed takes the last few with it.
create table converge.inbox_count (
  consumer   text        not null,
  topic      text        not null,
  partition  int         not null,
  duplicates bigint      not null,
  since      timestamptz not null default clock_timestamp(),
  primary key (consumer, topic, partition)
);
