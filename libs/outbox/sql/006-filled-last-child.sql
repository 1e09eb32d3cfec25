-- Adds one child ahead when fewer than `ahead` ranges lie beyond the sequence. Returns its name; '' when it took a step
-- towards it, to be called again; null when there is nothing to do or another session is at it. Callers begin no
-- transaction of their own. ACCESS EXCLUSIVE on the parent stops every writer: it is waited for at most 50 ms, and only
-- the catalog changes under it.
--
-- When nobody added children in time (no relay ran), ids are in the last child already. To give it an upper bound,
-- ATTACH would read all of it while writers wait: 1.7 s a million rows, measured. So the bound is first a constraint:
--   1. added, not validated: ids a thousand ranges ahead, so that no emit can ever meet it, a crash in between included;
--   2. validated, side by side with writers;
--   3. the last child is attached again with that bound, which the constraint proves; a new one takes its place;
--   4. the sequence goes on from the bound, so that the range is closed. In a transaction of its own after 3 committed:
--      setval is not undone by a rollback, and the constraint would then refuse every emit.
create or replace function converge.outbox_add_child(ahead int, span bigint) returns text
  language plpgsql
  set lock_timeout = '50ms'
  as $$
declare
  used   bigint;
  lower  bigint;
  upper  bigint;
  filled boolean;
  bound  record;
  child  text;
begin
  if not pg_try_advisory_xact_lock(1668247160, 1) then
    return null;
  end if;
  select s.last_value into used from converge.outbox_id s;
  select max(substring(k.conname from '^outbox_until_(\d+)$')::bigint) into upper
    from pg_constraint k join pg_inherits i on i.inhrelid = k.conrelid
   where i.inhparent = 'converge.outbox'::regclass and k.conrelid <> 'converge.outbox_last'::regclass;
  if upper > used + 1 then
    perform setval('converge.outbox_id', upper - 1);
    return '';
  end if;
  select substring(pg_get_expr(c.relpartbound, c.oid) from $re$FROM \('?(\d+)'?\)$re$)::bigint into lower
    from pg_class c where c.oid = 'converge.outbox_last'::regclass;
  if lower > used + ahead * span then
    return null;
  end if;
  filled := exists (select from converge.outbox_last);
  upper := lower / span * span + span;
  if filled then
    select k.conname as name, k.convalidated as validated into bound
      from pg_constraint k where k.conrelid = 'converge.outbox_last'::regclass and k.conname ~ '^outbox_until_\d+$';
    if not found then
      upper := (used / span + 1000) * span;
      execute format('alter table converge.outbox_last add constraint %I check (id >= %s and id < %s) not valid',
                     'outbox_until_' || upper, lower, upper);
      return '';
    elsif not bound.validated then
      execute format('alter table converge.outbox_last validate constraint %I', bound.name);
      return '';
    end if;
    upper := substring(bound.name from '\d+$')::bigint;
  end if;
  child := 'outbox_' || lower;
  -- Made before the lock is taken: only the catalog changes below happen under it.
  create table converge.outbox_new (like converge.outbox including all);
  alter table converge.outbox detach partition converge.outbox_last;
  if filled then
    execute format('alter table converge.outbox_last rename to %I', child);
    alter table converge.outbox_new rename to outbox_last;
  elsif exists (select from converge.outbox_last) then
    raise exception 'converge: the last child was filled meanwhile' using errcode = '55P03';
  else
    execute format('alter table converge.outbox_new rename to %I', child);
  end if;
  execute format('alter table converge.outbox attach partition converge.%I for values from (%s) to (%s)', child, lower, upper);
  execute format('alter table converge.outbox attach partition converge.outbox_last for values from (%s) to (maxvalue)', upper);
  return child;
end $$;
