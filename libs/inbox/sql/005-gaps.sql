-- Where a partition halted, and how far an operator lets it pass obstacles (`consumers resume --continue`): the record
-- at pass_offset is the last one that may be passed.
alter table converge.inbox_partition
  add column halted_offset bigint check (halted_offset >= 0),
  add column pass_offset   bigint check (pass_offset >= 0);

-- What a consumer passed without having seen it: the events of one partition after one position, up to another. Written
-- in the transaction that passes it. filled_*: up to here it was filled later, out of the order of its keys.
create table converge.inbox_gap (
  gap           bigint      generated always as identity primary key,
  consumer      text        not null,
  topic         text        not null,
  partition     int         not null,
  source        uuid        not null,
  after_epoch   int         not null,
  after_tick    bigint      not null,
  after_id      bigint      not null,
  up_to_epoch   int         not null,
  up_to_tick    bigint      not null,
  up_to_id      bigint      not null,
  filled_epoch  int,
  filled_tick   bigint,
  filled_id     bigint,
  record_offset bigint      not null,  -- the record that named a predecessor which never came
  passed_by     text        not null check (passed_by in ('policy', 'operator')),
  passed_at     timestamptz not null default clock_timestamp(),
  check ((filled_epoch is null) = (filled_tick is null) and (filled_epoch is null) = (filled_id is null)),
  foreign key (consumer, topic, partition) references converge.inbox_partition
);
create index inbox_gap_open on converge.inbox_gap (consumer, topic, partition)
  where filled_epoch is null or (filled_epoch, filled_tick, filled_id) < (up_to_epoch, up_to_tick, up_to_id);
