-- Sagas that an operator paused here: no worker of this database takes up a call, a query or an undo of them. Timers go on. Read by
-- each claim, so it is tiny: a row leaves when its saga is resumed.
create table converge.saga_pause (
  saga      text        not null,
  instance  text        not null default '',  -- '': every instance of the saga
  paused_at timestamptz not null default clock_timestamp(),
  by        text        not null check (btrim(by) <> ''),
  reason    text        not null check (btrim(reason) <> ''),
  primary key (saga, instance)
);
