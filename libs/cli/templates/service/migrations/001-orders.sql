create table orders (
  "orderId" text primary key,
  sku       text not null,
  pieces    int  not null check (pieces > 0),
  cents     int  not null check (cents > 0),
  status    text not null default 'placed' check (status in ('placed', 'declined', 'shipped', 'undeliverable')),
  reason    text
);

create table charges (
  "orderId" text primary key,
  cents     int  not null
);

create table stock (
  sku  text primary key,
  free int  not null check (free >= 0)
);

create table parcels (
  "orderId" text primary key
);

insert into stock values ('book', 100), ('anvil', 3);
