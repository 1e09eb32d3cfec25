-- What operators did to partitions: who, when, what and why. Never deleted by the kit.
create table converge.inbox_audit (
  id          bigint      generated always as identity primary key,
  at          timestamptz not null default clock_timestamp(),
  consumer    text        not null,
  topic       text        not null,
  partition   int         not null,
  action      text        not null check (action in ('resume', 'replay')),
  halted      text,                 -- of a resume: the code with which the partition was halted
  from_offset bigint      not null, -- next_offset before
  to_offset   bigint      not null, -- and after
  pass_offset bigint,               -- of a resume with --continue: obstacles up to here are passed
  by          text        not null check (btrim(by) <> ''),
  role        text        not null default session_user,
  reason      text        not null check (btrim(reason) <> '')
);
create index inbox_audit_place on converge.inbox_audit (consumer, topic, partition, id);
