create table transfer (
  transfer_id  uuid        primary key,
  from_account text        not null,
  to_account   text        not null,
  amount_cents bigint      not null check (amount_cents > 0),
  state        text        not null default 'requested' check (state in ('requested', 'settled', 'refused')),
  reason       text,
  requested_at timestamptz not null default clock_timestamp(),
  ended_at     timestamptz,
  check ((state = 'requested') = (ended_at is null)),
  check ((state = 'refused') = (reason is not null))
);
