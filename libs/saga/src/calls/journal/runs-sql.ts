import type { Executor } from '@convergekit/postgres';

/** Tables whose key begins with the name of a saga or a workflow, so that an instance alone is not enough to find a row. */
export type SagaTable = 'saga_fence' | 'saga_work' | 'saga_instance' | 'workflow';

/** The columns of a table that name a run. */
function keyOf(table: SagaTable): { readonly name: string; readonly id: string } {
  return table === 'workflow' ? { name: 'workflow', id: 'id' } : { name: 'saga', id: 'instance' };
}

/** The names of all sagas in a table, by one look into its index for each: there are few names and many rows. */
export function namesSql(table: SagaTable): string {
  const { name } = keyOf(table);
  const of = `converge.${table} t where t.${name} is not null`;
  return `with recursive named(name) as (
      (select t.${name} from ${of} order by t.${name} limit 1)
      union all
      select (select t.${name} from ${of} and t.${name} > named.name order by t.${name} limit 1)
        from named where named.name is not null)
    select name from named where name is not null`;
}

/** A saga's instance, or a workflow. */
export interface Run {
  readonly name: string;
  readonly id: string;
}

const PAGE = 500;

/** The runs that a table has, or those of one id, in pages: by its key, so that no page reads what is before it. */
export async function* runPages(
  executor: Executor,
  table: SagaTable,
  only?: string,
): AsyncGenerator<readonly Run[]> {
  const { name, id } = keyOf(table);
  const page = (where: string): string =>
    `select distinct ${name} as name, ${id} as id from converge.${table} where ${where} order by 1, 2 limit ${PAGE}`;
  if (only !== undefined) {
    yield (
      await executor.query<Run>(page(`${id} = $1 and ${name} = any (array(${namesSql(table)}))`), [only])
    ).rows;
    return;
  }
  let after: Run = { name: '', id: '' };
  for (;;) {
    const { rows } = await executor.query<Run>(page(`(${name}, ${id}) > ($1, $2)`), [after.name, after.id]);
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last;
  }
}
