create table payment (
  order_id     uuid        primary key,
  amount_cents integer     not null check (amount_cents > 0),
  state        text        not null check (state in ('pending', 'taken', 'declined', 'refunding', 'refunded')),
  -- What shipping will need when the money is there.
  parcel       jsonb       not null,
  charge_id    text,
  reason       text,
  changed_at   timestamptz not null default clock_timestamp()
);

-- The intent to call the provider, committed before the call. A worker outside the slice takes it from there.
create table payment_work (
  order_id     uuid        not null references payment,
  op           text        not null check (op in ('charge', 'refund')),
  -- unknown = a call was made and its outcome is not known: ask before anything else.
  state        text        not null default 'ready' check (state in ('ready', 'unknown', 'done')),
  attempts     integer     not null default 0,
  due_at       timestamptz not null default clock_timestamp(),
  -- Fences the settlement: only the claim that is written here may settle.
  claim        uuid,
  claimed_until timestamptz,
  last_error   text,
  -- Where the story comes from: the event that asked for the call.
  cause        jsonb       not null,
  primary key (order_id, op)
);
create index payment_work_due on payment_work (due_at) where state <> 'done';
