import type { Executor } from '@convergekit/postgres';
import { type SelectQueryBuilder, sql, type Transaction } from 'kysely';

/** Where a locked row was stored when it was locked. */
export interface LockedRow {
  /** The table, or the partition, with its schema. */
  readonly table: string;
  /** Its `ctid`. A row that this transaction updates or deletes is no longer visible there, and nothing takes its place. */
  readonly place: string;
}

const tableSql = sql<string>`(select format('%I.%I', n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = tableoid)`;

/** A reconciler that may name the rows of a key, as one query or several. */
interface Lockable {
  lock?(key: string, tx: Transaction<unknown>): object;
}

/** Locks the rows of a key that the reconciler names, query by query; none if it names none. */
export async function lockRows(
  reconciler: Lockable,
  key: string,
  tx: Transaction<unknown>,
): Promise<readonly LockedRow[]> {
  const locked: LockedRow[] = [];
  for (const query of [reconciler.lock?.(key, tx) ?? []].flat()) {
    // The queries of a definition are Kysely's; what they select is of no use here.
    const rows = query as SelectQueryBuilder<Record<string, object>, string, object>;
    const selected = rows.clearSelect().select([tableSql.as('table'), sql<string>`ctid::text`.as('place')]);
    locked.push(...(await selected.forUpdate().execute()));
  }
  return joinLocked(locked);
}

/** Joins what several locks found: a row that was locked twice is one row. */
export function joinLocked(...parts: readonly (readonly LockedRow[])[]): readonly LockedRow[] {
  return [...new Map(parts.flat().map((row) => [`${row.table} ${row.place}`, row])).values()];
}

/** Counts the locked rows that the transaction has updated or deleted since. One look at a row's page each. */
export async function countChanged(executor: Executor, locked: readonly LockedRow[]): Promise<number> {
  let changed = 0;
  for (const [table, rows] of Map.groupBy(locked, (row) => row.table)) {
    const places = rows.map(({ place }) => place);
    const { rows: found } = await executor.query<{ kept: number }>(
      `select count(*)::int as kept from only ${table} where ctid = any($1::tid[])`,
      [places],
    );
    changed += places.length - (found[0]?.kept ?? 0);
  }
  return changed;
}
