-- Adds one child ahead when fewer than `ahead` closed ranges lie beyond the sequence; returns its name, or null when
-- there is nothing to do or another session is at it. New ids must always find a place, so the space is cut from the
-- last child, in one transaction. DETACH CONCURRENTLY would leave a moment without a last child, in which inserts fail.
-- ACCESS EXCLUSIVE on the parent stops every writer, so it is waited for at most 50 ms: callers try again.
create function converge.outbox_add_child(ahead int, span bigint) returns text
  language plpgsql
  set lock_timeout = '50ms'
  as $$
declare
  used   bigint;
  lower  bigint;
  upper  bigint;
  top    bigint;
  child  text;
begin
  if not pg_try_advisory_xact_lock(1668247160, 1) then
    return null;
  end if;
  select s.last_value into used from converge.outbox_id s;
  select substring(pg_get_expr(c.relpartbound, c.oid) from $re$FROM \('?(\d+)'?\)$re$)::bigint into lower
    from pg_class c where c.oid = 'converge.outbox_last'::regclass;
  if lower > used + ahead * span then
    return null;
  end if;
  child := 'outbox_' || lower;
  -- Made before the lock is taken: only the catalog changes below happen under it.
  create table converge.outbox_new (like converge.outbox including all);
  alter table converge.outbox detach partition converge.outbox_last;
  select max(l.id) into top from converge.outbox_last l;
  upper := greatest(lower, coalesce(top, 0)) / span * span + span;
  if top is null then
    execute format('alter table converge.outbox_new rename to %I', child);
  else
    -- Nobody added children in time and ids are already in the last one: it becomes the closed child (the attach reads
    -- it once, writers wait for that), and the new table takes its place.
    execute format('alter table converge.outbox_last rename to %I', child);
    alter table converge.outbox_new rename to outbox_last;
  end if;
  execute format('alter table converge.outbox attach partition converge.%I for values from (%s) to (%s)', child, lower, upper);
  execute format('alter table converge.outbox attach partition converge.outbox_last for values from (%s) to (maxvalue)', upper);
  return child;
end $$;
