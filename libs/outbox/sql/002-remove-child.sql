-- Removes a child that a relay with the lease has recorded in outbox_leaving; false when none of that name is recorded.
-- For a relay that does not own the outbox: DETACH CONCURRENTLY cannot run in a function, so this takes ACCESS EXCLUSIVE on
-- the parent for its catalog changes, and waits for that 50 ms at most, as outbox_add_child does.
-- Until now the record alone decided, which the relay's role may write: events that were not sent were dropped with their child,
-- and writers had no child to write to. What the relay decided is checked again, since its role may be in other hands. 55000 is for the relay what a lock is: it
-- tries again later. Two looks by index; they come after the lock, so no writer has drawn an id and not inserted its row yet.
create or replace function converge.outbox_remove_child(child text) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '50ms'
  as $$
declare
  pending boolean;
  upper   bigint;
  reason  text;
begin
  -- Only the outbox's own children have such names: no other table can be dropped by recording it.
  if child !~ '^outbox_[0-9]+$' then
    raise exception 'converge.outbox_remove_child: % is no child of the outbox', quote_literal(child) using errcode = '22023';
  end if;
  perform from converge.outbox_leaving l where l.child = outbox_remove_child.child for update;
  if not found then
    return false;
  end if;
  if to_regclass(format('converge.%I', child)) is not null then
    lock table only converge.outbox in access exclusive mode;
    select i.inhdetachpending, substring(pg_get_expr(c.relpartbound, c.oid) from $re$TO \('?(\d+)'?\)$re$)::bigint into pending, upper
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'converge.outbox'::regclass and c.relname = child;
    reason := case when not found then 'it was detached by the owner of the outbox, who drops it or keeps it'
                   else converge.outbox_needs_child(child, upper) end;
    if reason is not null then
      raise exception 'converge.outbox_remove_child: % stays: %', child, reason using errcode = '55000';
    end if;
    execute format('alter table converge.outbox detach partition converge.%I%s', child, case when pending then ' finalize' else '' end);
    execute format('drop table converge.%I', child);
  end if;
  delete from converge.outbox_leaving l where l.child = outbox_remove_child.child;
  return true;
end $$;

-- Returns why a child must stay; null when it may leave. Every row of it is in the log when the last tick that is counted as
-- sent, for every topic, saw all of them. `upper`: its upper bound.
create function converge.outbox_needs_child(child text, upper bigint) returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
declare
  newest_id  bigint;
  newest_xid xid8;
  newest_at  timestamptz;
  sent       xid8;
begin
  select s.last_value - (not s.is_called)::int into newest_id from converge.outbox_id s;
  if upper is null or upper - 1 > newest_id then
    return 'ids of it are still handed out';
  end if;
  execute format('select x.xid, greatest(x.created_at, i.created_at)
                    from (select o.xid, o.created_at from converge.%1$I o order by o.xid desc limit 1) x,
                         (select o.created_at from converge.%1$I o order by o.id desc limit 1) i', child)
     into newest_xid, newest_at;
  select pg_snapshot_xmin(t.snapshot) into sent
    from converge.relay_source s join converge.tick t
      on t.number = least(s.done_tick, (select min(h.held_at) - 1 from converge.relay_topic h));
  return case when newest_xid is null then null
              when sent is null or newest_xid >= sent then 'an event of it is not in the log yet'
              when newest_at > clock_timestamp() - interval '1 hour' then 'an event of it is less than an hour old' end;
end $$;

revoke execute on function converge.outbox_needs_child(text, bigint) from public;
