import type { ChangedRows } from './changed-rows-sql.ts';

/** What the kit knows about a repair after it ran. */
export interface RepairRecord {
  readonly before: ChangedRows;
  readonly after: ChangedRows;
  /** Number of rows that the guard changed on the condition of their version. */
  readonly guarded: number;
  /** Number of rows that `guard.lock` locked. Which rows were changed is not known, only how many. */
  readonly locked: number;
}

/** Finds out if a repair changed a row whose version was not compared. Returns what it did; null = it did not. Pure. */
export function unguardedChange({ before, after, guarded, locked }: RepairRecord): string | null {
  const exclusive = after.exclusive.filter((table) => !before.exclusive.includes(table));
  if (exclusive.length > 0) return `it truncated, altered or locked the table ${exclusive.join(', ')}`;
  if (!after.counted)
    return 'the server does not count changed rows (track_counts is off), so it cannot be checked';
  const changes = Object.entries(after.byTable)
    .map(([table, count]) => ({ table, count: count - (before.byTable[table] ?? 0) }))
    .filter(({ count }) => count > 0);
  const changed = changes.reduce((sum, { count }) => sum + count, 0);
  if (changed <= guarded + locked) return null;
  const tables = changes.map(({ table, count }) => `${table}: ${count}`).join(', ');
  const compared = locked > 0 ? `${guarded}, and locked ${locked}` : `${guarded}`;
  return `it changed ${changed} rows (${tables}), and the guard compared the version of ${compared}`;
}
