create table parcel (
  order_id    uuid        primary key,
  tracking_id text        not null unique,
  country     text        not null,
  lines       jsonb       not null,
  handed_at   timestamptz not null default clock_timestamp()
);
