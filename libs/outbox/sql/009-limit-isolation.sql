-- As 008-limit. In a repeatable-read transaction that began before the last measurement, the row to be locked is another
-- version than the one that is seen, which is a serialization failure (40001): it must not fail the emit. Then the
-- measurement of the other session holds, as for a row that another session has locked.
create or replace function converge.outbox_measure() returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  published bigint;
  newest    bigint;
  total     bigint;
  waiting   bigint;
begin
  select l.published_id into published from converge.outbox_limit l for update skip locked;
  if not found then
    return;
  end if;
  select s.last_value - (not s.is_called)::int into newest from converge.outbox_id s;
  with child as (
    select pg_total_relation_size(c.oid) as bytes,
           coalesce(substring(b.bound from $re$FROM \('?(\d+)'?\)$re$)::numeric, 1) as lower,
           least(coalesce(substring(b.bound from $re$TO \('?(\d+)'?\)$re$)::numeric, newest + 1), newest + 1) as until
      from pg_inherits i join pg_class c on c.oid = i.inhrelid,
           lateral (select pg_get_expr(c.relpartbound, c.oid) as bound) b
     where i.inhparent = 'converge.outbox'::regclass
  )
  select coalesce(sum(bytes), 0),
         coalesce(sum(trunc(bytes * (until - greatest(lower, published + 1)) / (until - lower)))
                    filter (where until > greatest(lower, published + 1)), 0)
    into total, waiting
    from child;
  update converge.outbox_limit l
     set total_bytes = total, waiting_bytes = waiting, measured_at = clock_timestamp(),
         base_bytes = case when l.base_at < clock_timestamp() - interval '60 s' then l.waiting_bytes else l.base_bytes end,
         base_at = case when l.base_at < clock_timestamp() - interval '60 s' then l.measured_at else l.base_at end;
exception when serialization_failure then
  return;
end $$;
