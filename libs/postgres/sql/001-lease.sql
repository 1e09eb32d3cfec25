-- Who may act. One row per name, never deleted: the term must go on rising after a release.
-- Every comparison is made on the database's clock, so the clocks of the holders do not matter.
create table converge.lease (
  name       text        primary key,
  holder     text        not null,
  term       bigint      not null check (term > 0),
  expires_at timestamptz not null
);
