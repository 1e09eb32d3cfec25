-- The types of events that a consumer handles, and from where on in each partition: registered by the newest version that
-- runs, read by an older one before it skips a type that it does not know. Registration locks the fence rows, so that a
-- slice either ends before it or sees it.
create table converge.inbox_type (
  consumer      text        not null,
  topic         text        not null,
  type          text        not null,   -- of a failure event: its own type, ':', and the type that failed
  partition     int         not null,
  handler       text        not null,
  start_offset  bigint      not null,   -- what lay before it was passed without this handler
  registered_at timestamptz not null default clock_timestamp(),
  primary key (consumer, topic, partition, type),
  foreign key (consumer, topic, partition) references converge.inbox_partition
);
