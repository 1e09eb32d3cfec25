import type { Snapshot, Tick } from './tick.ts';
import type { OutboxRow } from './window-sql.ts';

export interface WindowRows {
  readonly tick: Tick;
  readonly rows: readonly OutboxRow[];
}

/** As `pg_visible_in_snapshot`. */
export function isVisible(xid: bigint, { xmin, xmax, running }: Snapshot): boolean {
  return xid < xmin || (xid < xmax && !running.has(xid));
}

/**
 * Splits rows that were read for several windows together: a row belongs to the first tick that sees it. The order of
 * the rows (by id) is kept inside each window. Ticks ascending, each row visible in the last one.
 */
export function splitByTick(
  rows: readonly (OutboxRow & { readonly xid: string })[],
  ticks: readonly Tick[],
): readonly WindowRows[] {
  const windows = ticks.map((tick) => ({ tick, rows: [] as OutboxRow[] }));
  // Rows of one transaction are neighbours, mostly.
  let lastXid = '';
  let window: (typeof windows)[number] | undefined;
  for (const row of rows) {
    if (row.xid !== lastXid) {
      lastXid = row.xid;
      const xid = BigInt(row.xid);
      window = windows.find(({ tick }) => isVisible(xid, tick.snapshot));
    }
    if (window === undefined)
      throw new RangeError(`event ${row.id} is in none of the windows that it was read for`);
    window.rows.push(row);
  }
  return windows;
}
