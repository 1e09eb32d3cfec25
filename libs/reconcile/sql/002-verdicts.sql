-- The verdict of a key's last audit row that was no repair: the next row is written when the verdict differs.
alter table converge.reconcile_key
  add column verdict text,
  -- When the key was first found divergent; null = it is not. For the time to recovery.
  add column diverged_at timestamptz,
  -- When the present quiet window began: a healthy look counts once in each window.
  add column quiet_since timestamptz;

-- An approval: until when, by whom and why. `approved` is the number of repairs that are left of it.
alter table converge.reconciler
  add column approved_until timestamptz,
  add column approved_by text,
  add column approved_reason text;

-- Verdicts that were no repair have rows, too, one for each change. A row without a key is of the reconciler: an approval.
alter table converge.reconcile_audit
  add column verdict text not null default 'repaired',
  alter column key drop not null,
  alter column drift drop not null,
  alter column term drop not null;

-- The audit leaves only by this function of the owner: rows that are a day old at least, at most `most` of them.
create function converge.reconcile_audit_prune(keep_ms double precision, most integer) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
  with gone as (
    delete from converge.reconcile_audit where id in (
      select id from converge.reconcile_audit
       where at < clock_timestamp() - greatest(keep_ms * interval '1 millisecond', interval '1 day')
       order by at limit most for update skip locked)
    returning 1)
  select count(*) from gone
$$;
revoke execute on function converge.reconcile_audit_prune(double precision, integer) from public;
