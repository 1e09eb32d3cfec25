import type { Executor } from '@convergekit/postgres';

/**
 * SQL over all of the kit's tables, whichever there are: for tests that must not know them. Each statement is one
 * transaction. Partitions are changed through their parent.
 */
async function columnsOf(
  executor: Executor,
  types: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await executor.query<{ table: string; column: string }>(
    `select c.oid::regclass::text as table, quote_ident(a.attname) as column
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'converge'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.atttypid = any ($1::regtype[]::oid[])
      order by c.relname, a.attnum`,
    [types],
  );
  const groups = Map.groupBy(rows, ({ table }) => table);
  return new Map([...groups].map(([table, own]) => [table, own.map(({ column }) => column)]));
}

/** Ages everything that the kit has written, as if it had happened so much earlier. Leases end by that, too. */
export async function timePasses(executor: Executor, by = '1 hour'): Promise<void> {
  for (const [table, columns] of await columnsOf(executor, ['timestamptz'])) {
    const earlier = columns.map((column) => `${column} = ${column} - $1::interval`);
    await executor.query(`update ${table} set ${earlier.join(', ')}`, [by]);
  }
}

/** Replaces a text wherever the kit has written it, as a person with the owner's rights could. Returns the rows changed. */
export async function rewrite(executor: Executor, text: string, other: string): Promise<number> {
  let changed = 0;
  for (const [table, columns] of await columnsOf(executor, ['text', 'jsonb', 'json']))
    for (const column of columns) {
      const { rowCount } = await executor.query(
        `update ${table} set ${column} = replace(${column}::text, $1, $2)::${await typeOf(executor, table, column)}
          where strpos(${column}::text, $1) > 0`,
        [text, other],
      );
      changed += rowCount;
    }
  return changed;
}

async function typeOf(executor: Executor, table: string, column: string): Promise<string> {
  const { rows } = await executor.query<{ type: string }>(
    `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = $1::regclass and quote_ident(attname) = $2`,
    [table, column],
  );
  return rows[0]?.type ?? 'text';
}
