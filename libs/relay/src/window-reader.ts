import type { Executor } from '@converge/postgres';
import { type OutboxRow, readIndexed, readWalk, type WindowRead } from './window-sql.ts';

/**
 * Reads one window in the order of id, in pages of at most `pageRows()` rows. A window that fits into a page is one
 * statement on the xid index. A larger one is read in two parts:
 * 1. ids up to the previous tick's floor: their transactions drew their xid before the previous tick drew its own, so
 *    they are running at, or between xmax and own of, the previous tick: few, by the xid index;
 * 2. ids above it, up to this tick's ceil, by primary key.
 * Without `own` part 1 would miss transactions with xid >= xmax that had begun before the tick; without `ceil`
 * part 2 would not know where to end.
 */
export async function* readWindow(
  executor: Executor,
  read: WindowRead,
  pageRows: () => number,
): AsyncGenerator<readonly OutboxRow[]> {
  const { previous, tick, lowest } = read;
  const whole = await readIndexed(executor, read, pageRows(), {
    xidBelow: tick.snapshot.xmax,
    idTo: tick.ceil,
  });
  if (whole !== undefined) {
    if (whole.length > 0) yield whole;
    return;
  }
  const early = await readIndexed(executor, read, pageRows(), {
    xidBelow: previous.own,
    idTo: previous.floor,
  });
  if (early !== undefined && early.length > 0) yield early;
  // Too many early ones (a bulk load that was open over the tick): walk over everything that is not finished.
  const start = early === undefined ? 0n : previous.floor;
  let after = start >= lowest ? start : lowest - 1n;
  for (;;) {
    const page = pageRows();
    const rows = await readWalk(executor, read, page, after);
    const last = rows.at(-1);
    if (last !== undefined) yield rows;
    if (last === undefined || rows.length < page) return;
    after = BigInt(last.id);
  }
}
