-- opened + the sum of its movements = balance, always. Money that one bank has sent and the other one not yet booked is
-- in neither balance: it is in an event.
create table account (
  account_id    text    primary key,
  opened_cents  bigint  not null check (opened_cents >= 0),
  balance_cents bigint  not null check (balance_cents >= 0),
  closed        boolean not null default false
);

-- What moved a balance. No unique constraint on purpose: money booked twice must show here, not be hidden.
create table movement (
  id           bigint      generated always as identity primary key,
  account_id   text        not null references account,
  transfer_id  uuid        not null,
  -- sent, returned: of the giro bank · arrived: of the savings bank
  kind         text        not null check (kind in ('sent', 'returned', 'arrived')),
  amount_cents bigint      not null check ((kind = 'sent') = (amount_cents < 0)),
  at           timestamptz not null default clock_timestamp()
);
create index movement_transfer on movement (transfer_id);
