-- The payment provider is another company: this is its own ledger, one row per idempotency key.
create table charge (
  key           text        primary key,
  charge_id     text        not null unique,
  amount_cents  integer     not null check (amount_cents > 0),
  state         text        not null check (state in ('taken', 'declined')),
  refund_key    text        unique,
  refunded_cents integer    not null default 0 check (refunded_cents in (0, amount_cents)),
  at            timestamptz not null default clock_timestamp(),
  check (state = 'taken' or refund_key is null),
  check ((refund_key is null) = (refunded_cents = 0))
);
