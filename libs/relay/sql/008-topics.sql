-- The broker's id of a topic: another one means that it was deleted and made again. Null: to be taken as the broker says.
-- made_again: an operator let the relay go on in a log that lacks what was acknowledged before (`converge topics accept`).
alter table converge.relay_topic
  add column topic_id   text,
  add column made_again boolean not null default false;

-- What was forgotten on an operator's word (`converge topics forget`). `unsent`: events that were not in the log, and
-- never will be. `cursors`: how far each partition had come.
create table converge.relay_forgotten (
  topic       text        not null,
  reason      text        not null check (reason <> ''),
  operator    text        not null,
  at          timestamptz not null default clock_timestamp(),
  held_at     bigint      not null,
  held_reason text        not null,
  unsent      bigint      not null,
  cursors     jsonb       not null,
  primary key (topic, at)
);
