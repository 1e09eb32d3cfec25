-- How much of a payment was returned, as recorded here; the provider has its own number. The version moves with every change:
-- a repair names the version that it saw.
alter table payment
  add column refunded_cents integer not null default 0 check (refunded_cents >= 0),
  add column version        integer not null default 1;
update payment set refunded_cents = amount_cents where state = 'refunded';
