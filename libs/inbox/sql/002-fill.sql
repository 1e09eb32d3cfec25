-- Events that never came, read from the source's outbox by `converge consumers fill`: as they would have been in the
-- log, in the order of position. For the owner of the partition, which is halted at the gap.
create table converge.inbox_fill (
  consumer     text        not null,
  topic        text        not null,
  partition    int         not null,
  source       uuid        not null,
  epoch        int         not null check (epoch > 0),
  tick         bigint      not null,
  id           bigint      not null,
  key          text        not null,
  headers      text        not null,   -- JSON: [[name, text], …], ce_pos and ce_prev among them
  payload      text        not null,
  timestamp_ms bigint      not null,
  put_at       timestamptz not null default clock_timestamp(),
  primary key (consumer, topic, partition, source, epoch, tick, id),
  foreign key (consumer, topic, partition) references converge.inbox_partition
);
