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

-- The history of policies is part of the audit; the trigger writes it, also when the table is changed by hand.
drop table converge.policy_change;
create index policy_newest on converge.policy (version);  -- watchers poll the highest version
create or replace function converge.policy_after() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform converge.record_act('policy set', 'policy', new.name, new.changed_by, new.reason,
    case when tg_op = 'UPDATE' then jsonb_build_object('version', old.version, 'change', old.change) end,
    jsonb_build_object('version', new.version, 'change', new.change));
  return null;
end $$;
