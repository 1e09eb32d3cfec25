-- A read model: the orders with the state of their payments, which another service owns. Written by the events of that service.
create table order_list (
  order_id    uuid        primary key references orders,
  total_cents integer     not null,
  payment     text        not null default 'none' check (payment in ('none', 'taken', 'declined', 'refunded')),
  -- Moves with every change: a repair names the version that it saw.
  version     integer     not null default 1,
  changed_at  timestamptz not null default clock_timestamp()
);
