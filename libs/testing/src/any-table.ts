import type { Executor } from '@convergekit/postgres';

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/**
 * Lists the columns of these types in all of the kit's tables, whichever there are: for tests that must not know them.
 * Partitions are changed through their parent.
 */
async function columnsOf(executor: Executor, types: readonly string[]): Promise<readonly Column[]> {
  const { rows } = await executor.query<Column>(
    `select c.oid::regclass::text as table, quote_ident(a.attname) as column, format_type(a.atttypid, a.atttypmod) as type
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'converge'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.atttypid = any ($1::regtype[]::oid[])
      order by c.relname, a.attnum`,
    [types],
  );
  return rows;
}

/** A condition that is true, and switches triggers off until the end of the transaction. */
export const WITHOUT_TRIGGERS = `(select set_config('session_replication_role', 'replica', true)) is not null`;

/** Ages everything that the kit has written, as if it had happened so much earlier. Leases end by that, too. */
export async function timePasses(executor: Executor, by = '1 hour'): Promise<void> {
  const tables = Map.groupBy(await columnsOf(executor, ['timestamptz', 'text[]']), ({ table }) => table);
  for (const [table, columns] of tables) {
    const earlier = columns.map(({ column, type }) =>
      type === 'text[]' ? `${column} = ${agedSql(column, '$1')}` : `${column} = ${column} - $1::interval`,
    );
    await executor.query(`update ${table} set ${earlier.join(', ')} where ${WITHOUT_TRIGGERS}`, [by]);
  }
}

/** An array of texts, of which JSON that begins with its time is aged: SQL. */
export const agedSql = (column: string, by: string): string =>
  `case when ${column} is not null then array(select case when one like '{"at":%' then replace(one, one::json ->> 'at',
      to_json((one::json ->> 'at')::timestamptz - ${by}::interval) #>> '{}') else one end
    from unnest(${column}) with ordinality as each (one, number) order by number) end`;

/**
 * Replaces a text wherever the kit has written it, as a person could who has the owner's rights and switches triggers off.
 * Returns the rows changed.
 */
export async function rewrite(executor: Executor, text: string, other: string): Promise<number> {
  let changed = 0;
  for (const { table, column, type } of await columnsOf(executor, ['text', 'text[]', 'jsonb', 'json'])) {
    const { rowCount } = await executor.query(
      `update ${table} set ${column} = replace(${column}::text, $1, $2)::${type}
        where strpos(${column}::text, $1) > 0 and ${WITHOUT_TRIGGERS}`,
      [text, other],
    );
    changed += rowCount;
  }
  return changed;
}
