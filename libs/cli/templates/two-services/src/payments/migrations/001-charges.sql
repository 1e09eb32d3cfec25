create table charges (
  "orderId" text primary key,
  cents     int  not null
);
