import type { Executor } from '@convergekit/postgres';

/** Tables whose key begins with the name of a saga or a workflow, so that an instance alone is not enough to find a row. */
export type SagaTable = 'saga_fence' | 'saga_step' | 'saga_work' | 'saga_instance' | 'workflow';

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

/** The runs that these tables have, or those of one id, in pages: by their keys, so that no page reads what is before it. */
export async function* runPages(
  executor: Executor,
  tables: readonly SagaTable[],
  only?: string,
): AsyncGenerator<readonly Run[]> {
  const union = (where: (table: SagaTable) => string): string =>
    tables
      .map((table) => {
        const { name, id } = keyOf(table);
        const columns = `${name} as name, ${id} as id`;
        return `(select distinct ${columns} from converge.${table} where ${where(table)} order by 1, 2 limit ${PAGE})`;
      })
      .join(' union ');
  if (only !== undefined) {
    const one = (table: SagaTable): string => {
      const { name, id } = keyOf(table);
      return `${id} = $1 and ${name} = any (array(${namesSql(table)}))`;
    };
    yield (await executor.query<Run>(union(one), [only])).rows;
    return;
  }
  const next = union((table) => `(${keyOf(table).name}, ${keyOf(table).id}) > ($1, $2)`);
  let after: Run = { name: '', id: '' };
  for (;;) {
    const sql = `select * from (${next}) as page order by 1, 2 limit ${PAGE}`;
    const { rows } = await executor.query<Run>(sql, [after.name, after.id]);
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last;
  }
}
