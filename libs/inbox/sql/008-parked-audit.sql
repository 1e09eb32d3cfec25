-- What operators did to parked events: who, when, what and why. Never deleted by the kit.
create table converge.parked_audit (
  id       bigint      generated always as identity primary key,
  at       timestamptz not null default clock_timestamp(),
  parked   uuid        not null,
  consumer text        not null,
  topic    text        not null,
  key      text        not null,
  event_id text,
  action   text        not null check (action in ('retry', 'skip', 'edit', 'supersede')),
  state    text        not null,  -- before
  run      int         not null,  -- before
  by       text        not null check (btrim(by) <> ''),
  role     text        not null default session_user,
  reason   text        not null check (btrim(reason) <> ''),
  edited   bytea                  -- of an edit: the payload that it put in place
);
create index parked_audit_parked on converge.parked_audit (parked, id);
