-- Since when the customer wants it called off; whether it is, its saga says.
alter table orders add column cancel_requested_at timestamptz;
