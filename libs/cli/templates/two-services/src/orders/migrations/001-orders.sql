create table orders (
  "orderId" text primary key,
  cents     int  not null check (cents > 0),
  status    text not null default 'placed' check (status in ('placed', 'paid', 'declined')),
  reason    text
);
