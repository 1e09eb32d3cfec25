-- One row for each effect of a handler, written in the handler's own transaction. There is no unique constraint on
-- purpose: if an effect ever happened twice, this table must show it, not hide it.
create table effect (
  id         bigint      generated always as identity primary key,
  consumer   text        not null,
  -- handle: of an event · apply and compensate: of a saga's step, by the event that begins it.
  act        text        not null default 'handle' check (act in ('handle', 'apply', 'compensate')),
  event_id   uuid        not null,
  event_type text        not null,
  -- What the event was about, such as an order.
  key        text        not null,
  event_at   timestamptz not null,
  at         timestamptz not null default clock_timestamp()
);
create index effect_event on effect (event_id);
create index effect_key on effect (key);
