/** Tables whose key begins with the name of a saga or a workflow, so that an instance alone is not enough to find a row. */
export type SagaTable = 'saga_fence' | 'saga_step' | 'saga_work' | 'saga_instance' | 'workflow';

/** The names of all sagas in a table, by one look into its index for each: there are few names and many rows. */
export function namesSql(table: SagaTable): string {
  const name = table === 'workflow' ? 'workflow' : 'saga';
  const of = `converge.${table} t where t.${name} is not null`;
  return `with recursive named(name) as (
      (select t.${name} from ${of} order by t.${name} limit 1)
      union all
      select (select t.${name} from ${of} and t.${name} > named.name order by t.${name} limit 1)
        from named where named.name is not null)
    select name from named where name is not null`;
}
