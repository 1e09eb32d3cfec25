-- The tables of workflows are named as in the code.
alter table converge.saga_stack rename to workflow;
alter table converge.workflow rename column stack to workflow;
alter table converge.saga_stack_step rename to workflow_step;
alter table converge.workflow_step rename column stack to workflow;
alter index converge.saga_stack_due rename to workflow_due;
alter index converge.saga_stack_stuck rename to workflow_stuck;
alter index converge.saga_stack_ended rename to workflow_ended;

drop function converge.saga_forget_stacks(double precision);

-- Deletes workflows that ended longer than `keep_ms` ago, with their journals; at most 200, so that no transaction is long.
create function converge.workflow_forget(keep_ms double precision) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
  with gone as (
    delete from converge.workflow where (workflow, id) in (
      select k.workflow, k.id from converge.workflow k
       where k.ended_at < clock_timestamp() - greatest(keep_ms * interval '1 millisecond', interval '1 day')
         and not exists (
           select from converge.workflow_step s
            where (s.workflow, s.id) = (k.workflow, k.id) and s.at >= clock_timestamp() - interval '1 day')
       order by k.ended_at limit 200 for update skip locked)
    returning 1)
  select count(*) from gone
$$;

revoke execute on function converge.workflow_forget(double precision) from public;
