-- Journals leave only by these functions of the owner: rows that are a day old at least, of what has ended. The login of a
-- consumer deletes no row of a journal itself, and cannot change when one was written.

-- Of runs of a saga, the rows before `before`. Rows of a step that is open stay.
create function converge.saga_forget_steps(saga text, instances text[], before timestamptz) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
  with gone as (
    delete from converge.saga_step s
     where s.saga = saga_forget_steps.saga and s.instance = any (instances)
       and s.at < least(before, clock_timestamp() - interval '1 day')
       and not exists (
         select from converge.saga_fence f
          where (f.saga, f.instance, f.step) = (s.saga, s.instance, s.step)
            and (f.state in ('started', 'unknown', 'undo_pending', 'stuck') or f.stuck_since is not null))
    returning 1)
  select count(*) from gone
$$;

-- Stacks that ended longer than `keep_ms` ago, with their journals; at most 200, so that no transaction is long.
create function converge.saga_forget_stacks(keep_ms double precision) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
  with gone as (
    delete from converge.saga_stack where (stack, id) in (
      select k.stack, k.id from converge.saga_stack k
       where k.ended_at < clock_timestamp() - greatest(keep_ms * interval '1 millisecond', interval '1 day')
         and not exists (
           select from converge.saga_stack_step s
            where (s.stack, s.id) = (k.stack, k.id) and s.at >= clock_timestamp() - interval '1 day')
       order by k.ended_at limit 200 for update skip locked)
    returning 1)
  select count(*) from gone
$$;

revoke execute on function converge.saga_forget_steps(text, text[], timestamptz), converge.saga_forget_stacks(double precision) from public;
