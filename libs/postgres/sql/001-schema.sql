-- Leases: who may act. One row per name, never deleted, so that the term keeps rising after a release.
-- Every comparison is made on the database's clock, so the clocks of the holders do not matter.
create table converge.lease (
  name       text        primary key,
  holder     text        not null,
  term       bigint      not null check (term > 0),
  expires_at timestamptz not null,
  -- The server on which it was acquired, by the microsecond of its start. On a standby that is promoted it has ended: the holder
  -- may have relied on commits that this one lacks.
  server     bigint      not null default (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
  -- When it was acquired without a release before, within ten minutes: its holder was killed, frozen or cut off.
  lost_at    timestamptz[] not null default '{}'
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
create index policy_newest on converge.policy (version);  -- watchers poll the highest version

-- The audit of operators' acts: one row for each act and thing acted on. `converge.record_act` alone writes it, in the transaction
-- of the act; `converge roles` grants no right to the table but to read it.
create table converge.audit (
  id           bigint      generated always as identity primary key,
  at           timestamptz not null,
  role         text        not null,                                    -- the login; `by` is what it says of itself
  by           text        not null check (btrim(by) <> ''),
  act          text        not null check (btrim(act) <> ''),           -- noun and verb, as the command: `reconcile pause`
  subject_kind text        not null check (subject_kind in
    ('event', 'call', 'saga', 'workflow', 'consumer', 'reconciler', 'topic', 'source', 'policy')),
  subject_id   text        not null check (btrim(subject_id) <> ''),
  before       jsonb       not null,                                    -- places, states, counts; never payloads
  after        jsonb       not null,
  reason       text        not null check (btrim(reason) <> '')
);
create index audit_subject on converge.audit (subject_kind, subject_id, id);

-- The only writer. Of the owner, so that a login that acts can choose neither the time nor the role, and changes no row.
create function converge.record_act(act text, subject_kind text, subject_id text, by text, reason text, before jsonb, after jsonb)
  returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
  insert into converge.audit (at, role, by, act, subject_kind, subject_id, before, after, reason)
  values (clock_timestamp(), session_user, $4, $1, $2, $3, coalesce($6, '{}'), coalesce($7, '{}'), $5) returning id
$$;
revoke execute on function converge.record_act(text, text, text, text, text, jsonb, jsonb) from public;

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

-- The history of policies is part of the audit, also when the table is changed by hand. After, not before: an insert that conflicts
-- with a row fires its before trigger as well as the update's.
create function converge.policy_after() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform converge.record_act('policy set', 'policy', new.name, new.changed_by, new.reason,
    case when tg_op = 'UPDATE' then jsonb_build_object('version', old.version, 'change', old.change) end,
    jsonb_build_object('version', new.version, 'change', new.change));
  return null;
end $$;

create trigger policy_before before insert or update or delete on converge.policy
  for each row execute function converge.policy_before();
create trigger policy_after after insert or update on converge.policy
  for each row execute function converge.policy_after();

-- What the parts of the processes did, for the charts and the map of the console: one row a part and ten seconds in which
-- something happened. Rows leave after a day, by the statement that writes the next ones. They prove nothing: what a crash or an
-- outage took is not made up for, and any writer may add rows.
create table converge.counter (
  at        timestamptz not null default clock_timestamp(),
  part      text        not null check (part in ('relay', 'consumer', 'reconciler')),
  name      text        not null,                  -- of the consumer, the reconciler; `relay`
  process   uuid        not null,                  -- one start of one process
  version   text        not null,                  -- of the application; empty = it says none
  seconds   real        not null check (seconds > 0),   -- the time that the row is about
  done      bigint      not null,                  -- events published or applied; keys compared
  topics    jsonb       not null default '{}',     -- done, by topic
  failed    bigint      not null,                  -- sends that failed; events given up; keys that could not be looked at
  retried   bigint      not null,                  -- attempts that failed and are repeated
  drifted   bigint      not null,                  -- looks that found a drift
  repaired  bigint      not null,
  lag       bigint,                                -- events that wait; null = not known
  oldest_ms bigint,                                -- age of the oldest of them
  took      bigint      not null,                  -- commits whose time to their effect was measured: the oldest event of each slice
  took_ms   bigint      not null,                  -- the sum of those times
  most_ms   bigint      not null,                  -- the longest of them
  primary key (at, process, part, name)
);
