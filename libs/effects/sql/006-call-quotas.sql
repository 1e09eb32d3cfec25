-- The calls that other systems allow this database's processes, all together. A row is locked for one statement, which takes calls of
-- the quota; no lock is held while a call runs. Calls without a quota have no row.
create table converge.call_quota (
  name       text        primary key,
  per_second float8      not null check (per_second > 0),
  burst      int         not null check (burst > 0),
  -- When all calls that were taken are earned, at the rate. It is in the future when calls wait for their time.
  earned_at  timestamptz not null default '-infinity',
  -- When due work was last left for want of a call: what operators see as the reason of its wait.
  short_at   timestamptz
) with (fillfactor = 50);  -- updated with every claim of such work

-- The quota of an effect, as its worker declared it.
alter table converge.saga_worker add column quota text;
