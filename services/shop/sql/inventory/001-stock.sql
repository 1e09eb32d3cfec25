-- on_hand + reserved + shipped = initial, always: goods move between the three and are never made or lost. The sum is
-- no CHECK, so that drift can be injected to show how a reconciler finds and repairs it.
create table stock (
  sku      text    primary key,
  initial  integer not null check (initial >= 0),
  on_hand  integer not null check (on_hand >= 0),
  reserved integer not null default 0 check (reserved >= 0),
  shipped  integer not null default 0 check (shipped >= 0),
  -- Moves with every change: a repair names the version that it saw.
  version  integer not null default 1
);

create table reservation (
  order_id   uuid        not null,
  sku        text        not null references stock,
  quantity   integer     not null check (quantity > 0),
  state      text        not null check (state in ('held', 'released', 'shipped')),
  version    integer     not null default 1,
  changed_at timestamptz not null default clock_timestamp(),
  primary key (order_id, sku)
);
-- The reconciler sums what is held and shipped of one article.
create index reservation_sku on reservation (sku, state);
