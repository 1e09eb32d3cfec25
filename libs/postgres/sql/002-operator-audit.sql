-- Acts of operators that leave a row in no other audit: pauses, requested runs, replays of an outbox, looks at payloads. Rows are
-- added by the function of the act, in its statement or transaction; `converge roles` grants no right to change or delete one.
create table converge.operator_audit (
  id      bigint      generated always as identity primary key,
  at      timestamptz not null default clock_timestamp(),
  action  text        not null check (btrim(action) <> ''),   -- noun and verb, as the command: `reconcile pause`
  subject text        not null check (btrim(subject) <> ''),  -- the thing acted on, by name or id
  detail  jsonb       not null default '{}',                  -- counts and filters; never payloads
  by      text        not null check (btrim(by) <> ''),
  role    text        not null default session_user,
  reason  text        not null check (btrim(reason) <> '')
);
