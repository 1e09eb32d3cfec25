-- A relay need not own the outbox: what its children need of the owner are functions of the owner. Their search_path is
-- fixed, so that no schema of the caller stands in for Postgres' own functions.
alter function converge.outbox_add_child(int, bigint) security definer;
alter function converge.outbox_add_child(int, bigint) set search_path = pg_catalog, pg_temp;

-- Removes a child that a relay with the lease has recorded in outbox_leaving; false when none of that name is recorded.
-- For a relay that does not own the outbox: DETACH CONCURRENTLY cannot run in a function, so this takes ACCESS EXCLUSIVE on
-- the parent for its catalog changes, and waits for that 50 ms at most, as outbox_add_child does.
create function converge.outbox_remove_child(child text) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '50ms'
  as $$
declare
  pending boolean;
begin
  -- Only the outbox's own children have such names: no other table can be dropped by recording it.
  if child !~ '^outbox_[0-9]+$' then
    raise exception 'converge.outbox_remove_child: % is no child of the outbox', quote_literal(child) using errcode = '22023';
  end if;
  perform from converge.outbox_leaving l where l.child = outbox_remove_child.child for update;
  if not found then
    return false;
  end if;
  select i.inhdetachpending into pending
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent = 'converge.outbox'::regclass and c.relname = child;
  if found then
    execute format('alter table converge.outbox detach partition converge.%I%s', child, case when pending then ' finalize' else '' end);
  end if;
  execute format('drop table if exists converge.%I', child);
  delete from converge.outbox_leaving l where l.child = outbox_remove_child.child;
  return true;
end $$;
