-- Effects that a worker of this database has declared, and when it last did: an intent without a worker would wait for ever.
create table converge.saga_worker (
  effect  text        primary key,
  holder  text        not null,
  seen_at timestamptz not null default clock_timestamp()
);
