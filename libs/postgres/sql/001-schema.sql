-- Leases: who may act. One row per name, never deleted, so that the term keeps rising after a release.
-- Every comparison is made on the database's clock, so the clocks of the holders do not matter.
create table converge.lease (
  name       text        primary key,
  holder     text        not null,
  term       bigint      not null check (term > 0),
  expires_at timestamptz not null
);

-- Central policies, for every process that watches this database; they overrule its file and environment. A row is what a rule
-- changes. It is never deleted: an empty change ({}) changes nothing and keeps the history of the name in order.
create table converge.policy (
  name       text        primary key check (length(name) between 1 and 200),
  change     jsonb       not null,
  version    bigint      not null,
  changed_at timestamptz not null,
  changed_by text        not null check (btrim(changed_by) <> ''),
  reason     text        not null check (btrim(reason) <> '')
);

-- The history of central policies. Written by a trigger, also when the table is changed by hand.
create table converge.policy_change (
  version    bigint      primary key,
  name       text        not null,
  before     jsonb,      -- null = the name had no row
  after      jsonb       not null,
  changed_at timestamptz not null,
  changed_by text        not null,
  role       text        not null default session_user,
  reason     text        not null
);
create index policy_change_name on converge.policy_change (name, version);

create sequence converge.policy_version;

-- Watchers ask for the highest version, so versions must become visible in their order: one change at a time.
create function converge.policy_before() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'policy % is not deleted, so that its history stays: set change to {} instead', old.name;
  end if;
  perform pg_advisory_xact_lock(1668182646, 2);  -- 0x636f6e76 "conv"; 1 is migrate
  new.version := nextval('converge.policy_version');
  new.changed_at := clock_timestamp();
  return new;
end $$;

-- After, not before: an insert that conflicts with a row fires its before trigger as well as the update's.
create function converge.policy_after() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into converge.policy_change (version, name, before, after, changed_at, changed_by, reason)
  values (new.version, new.name, case when tg_op = 'UPDATE' then old.change end, new.change,
          new.changed_at, new.changed_by, new.reason);
  return null;
end $$;

create trigger policy_before before insert or update or delete on converge.policy
  for each row execute function converge.policy_before();
create trigger policy_after after insert or update on converge.policy
  for each row execute function converge.policy_after();
