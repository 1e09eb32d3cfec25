create table orders (
  order_id    uuid        primary key,
  state       text        not null check (state in ('placed', 'confirmed', 'cancelled')),
  lines       jsonb       not null,
  total_cents integer     not null check (total_cents > 0),
  country     text        not null,
  reason      text,
  version     integer     not null default 1,
  placed_at   timestamptz not null default clock_timestamp(),
  settled_at  timestamptz,
  check ((state = 'placed') = (settled_at is null)),
  check ((state = 'cancelled') = (reason is not null))
);

create table order_history (
  order_id uuid        not null references orders,
  version  integer     not null,
  state    text        not null,
  detail   text,
  at       timestamptz not null default clock_timestamp(),
  primary key (order_id, version)
);
