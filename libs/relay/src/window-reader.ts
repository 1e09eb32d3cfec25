import type { Executor } from '@converge/postgres';
import type { Tick } from './tick.ts';
import { splitByTick, type WindowRows } from './window-group.ts';
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

/**
 * Reads several windows in one statement, for catching up: a round trip for each would be slower than the source.
 * undefined when together they are more than a page; then the next one is read by itself.
 */
export async function readGroup(
  executor: Executor,
  { previous, lowest, topic }: Omit<WindowRead, 'tick'>,
  ticks: readonly Tick[],
  page: number,
): Promise<readonly WindowRows[] | undefined> {
  const last = ticks.at(-1);
  if (last === undefined) return [];
  const idTo = ticks.reduce((most, { ceil }) => (ceil > most ? ceil : most), 0n);
  const read = { previous, tick: last, lowest, topic };
  const rows = await readIndexed(executor, read, page, { xidBelow: last.snapshot.xmax, idTo });
  return rows === undefined ? undefined : splitByTick(rows, ticks);
}
