-- Records that bear this source's name and that an operator said are not its own (`converge source disown`): whoever may
-- write to a topic can forge one that looks like the past of a restored database. The comparison with the log passes them.
create table converge.relay_disowned (
  topic      text        not null,
  partition  int         not null check (partition >= 0),
  log_offset bigint      not null check (log_offset >= 0),
  reason     text        not null check (reason <> ''),
  operator   text        not null,
  at         timestamptz not null default clock_timestamp(),
  primary key (topic, partition, log_offset)
);
