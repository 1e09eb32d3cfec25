import type { Executor } from '@convergekit/postgres';
import { TestingError } from '../testing-error.ts';
import type { Snapshot, TableSnapshot } from './written.ts';

interface Table {
  readonly name: string;
  readonly quoted: string;
  readonly keys: readonly string[];
}

/** More rows are not compared: a test that needs them has its own queries. */
const MOST_ROWS = 10_000;

// The tables of the service: all but the kit's and the server's. A partition is read with its table.
const tablesSql = `
  select case when n.nspname = 'public' then c.relname else n.nspname || '.' || c.relname end as name,
         format('%I.%I', n.nspname, c.relname) as quoted,
         coalesce((select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum))
                     from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
                    where i.indrelid = c.oid and i.indisprimary), '{}') as keys
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p') and not c.relispartition
     and n.nspname not in ('converge', 'information_schema') and n.nspname not like 'pg\\_%' and n.nspname not like 'converge\\_%'
   order by 1`;

/** Reads all rows of the service's own tables. */
export async function readTables(executor: Executor): Promise<Snapshot> {
  const { rows: tables } = await executor.query<Table>(tablesSql);
  const read = new Map<string, TableSnapshot>();
  for (const { name, quoted, keys } of tables) {
    const { rows } = await executor.query(
      `select t.*, to_jsonb(t)::text as converge_row from ${quoted} t limit ${MOST_ROWS + 1}`,
    );
    if (rows.length > MOST_ROWS)
      throw new TestingError(
        'TABLE_TOO_LARGE',
        `table ${name} has more than ${MOST_ROWS} rows, too many to compare before and after an event: use a database of the test's own, or pass { written: false } and query what you need`,
      );
    const found = rows.map(({ converge_row: text, ...row }) => ({ row, text: String(text) }));
    read.set(name, { keys, rows: found });
  }
  return read;
}
