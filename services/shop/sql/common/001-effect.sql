-- One row for each event that a handler took effect for, written in the handler's own transaction. There is no unique
-- constraint on purpose: if an effect ever happened twice, this table must show it, not hide it.
create table effect (
  id         bigint      generated always as identity primary key,
  consumer   text        not null,
  event_id   uuid        not null,
  event_type text        not null,
  -- The order that the event was about.
  key        text        not null,
  event_at   timestamptz not null,
  at         timestamptz not null default clock_timestamp()
);
create index effect_event on effect (event_id);
create index effect_key on effect (key);
