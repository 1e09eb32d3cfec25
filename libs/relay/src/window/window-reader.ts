import type { Executor } from '@convergekit/postgres';
import type { CopyExecutor, TupleBlock } from '@convergekit/postgres/engine';
import type { Lane } from '../backlog/lane.ts';
import { OutboxRows } from './outbox-rows.ts';
import { readIndexed, walkSql, type WindowRead } from './read-sql.ts';
import { isVisible, type Tick } from './tick.ts';
import { readTicks } from './window-sql.ts';

/** The rows of one statement, as they arrive. The connection is free again when the page was read to its end. */
export type Page = AsyncIterable<TupleBlock> | Iterable<TupleBlock>;

/** The maximum of rows in an indexed read, which sorts them: more would exceed work_mem. */
export const INDEXED_ROWS = 4_000;
/** The factor by which an id range may exceed an indexed read and still be tried: it may hold rows of other windows. */
const SPARSE = 2n;

/**
 * Reads one window in the order of id, in pages of at most `pageRows()` rows. A small window is one statement on the
 * xid index. A larger one is read in two parts:
 * 1. ids up to the previous tick's floor: their transactions drew their xid before the previous tick drew its own, so
 *    they are running at, or between xmax and own of, the previous tick: few, by the xid index;
 * 2. ids above it, up to this tick's ceil, by primary key. Part 1 would miss transactions with xid >= xmax that had
 *   begun before the tick, if there was no `own`; part 2 would not know its end if there was no `ceil`.
 */
export async function* readWindow(
  executor: CopyExecutor,
  read: WindowRead,
  pageRows: () => number,
): AsyncGenerator<Page> {
  const { previous, tick, lowest } = read;
  const few = Math.min(pageRows(), INDEXED_ROWS);
  if (mayFit(previous, tick, few)) {
    const whole = await readIndexed(executor, read, few, {
      xidBelow: tick.snapshot.xmax,
      idTo: tick.ceil,
    });
    if (whole !== undefined) {
      yield whole;
      return;
    }
  }
  const early = await readIndexed(executor, read, few, { xidBelow: previous.own, idTo: previous.floor });
  if (early !== undefined) yield early;
  // Too many or too large early rows (a bulk load that was open over the tick): scan everything unfinished.
  const start = early === undefined ? 0n : previous.floor;
  const at: Place = { after: start >= lowest ? start : lowest - 1n, isOver: false };
  while (!at.isOver) yield walkPage(executor, read, at, pageRows());
}

/**
 * Estimates whether an indexed read of `rows` may hold all windows after `previous` up to `last`. The estimate is
 * cheap, and may be wrong.
 */
export function mayFit(previous: Tick, last: Tick, rows: number): boolean {
  return last.ceil - previous.floor <= BigInt(rows) * SPARSE;
}

/** The place of a walk by primary key. */
interface Place {
  after: bigint;
  isOver: boolean;
}

async function* walkPage(
  executor: CopyExecutor,
  read: WindowRead,
  at: Place,
  rows: number,
): AsyncGenerator<TupleBlock> {
  let count = 0;
  let last: TupleBlock | undefined;
  for await (const block of executor.copy(walkSql(read, rows, at.after))) {
    count += block.count;
    last = block;
    yield block;
  }
  if (last === undefined || count < rows) at.isOver = true;
  else at.after = lastIdOf(last);
}

function lastIdOf(block: TupleBlock): bigint {
  const rows = new OutboxRows();
  rows.load(block);
  while (rows.next());
  return BigInt(rows.id);
}

/**
 * Reads several windows in one statement, for catching up: a round trip for each would be slower than the source.
 * undefined when they exceed a page; then the next window is read alone.
 */
export async function readGroup(
  executor: CopyExecutor,
  { previous, lowest, topic, bytes }: Omit<WindowRead, 'tick'>,
  ticks: readonly Tick[],
  page: number,
): Promise<readonly WindowRows[] | undefined> {
  const last = ticks.at(-1);
  if (last === undefined) return [];
  const idTo = ticks.reduce((most, { ceil }) => (ceil > most ? ceil : most), 0n);
  const read = { previous, tick: last, lowest, topic, ...(bytes === undefined ? {} : { bytes }) };
  const blocks = await readIndexed(executor, read, page, { xidBelow: last.snapshot.xmax, idTo });
  return blocks === undefined ? undefined : splitByTick(blocks, ticks);
}

export interface WindowRows {
  readonly tick: Tick;
  readonly blocks: readonly TupleBlock[];
}

/**
 * Splits rows that were read for several windows: a row belongs to the first tick that sees it. The order of the rows
 * (by id) is kept inside each window. The ticks ascend, and each row is visible in the last one.
 */
export function splitByTick(blocks: readonly TupleBlock[], ticks: readonly Tick[]): readonly WindowRows[] {
  const windows = ticks.map((tick) => ({ tick, blocks: [] as TupleBlock[] }));
  const rows = new OutboxRows();
  // Rows of one transaction are neighbours, mostly: they stay together as one block.
  let lastXid = -1;
  let window: (typeof windows)[number] | undefined;
  for (const block of blocks) {
    const { bytes } = block;
    let from = block.from;
    let count = 0;
    const flush = (to: number): void => {
      if (count > 0) window?.blocks.push({ bytes, from, to, count });
      from = to;
      count = 0;
    };
    rows.load(block);
    while (rows.next()) {
      if (rows.xid !== lastXid) {
        const next = windowOf(rows.xid, windows);
        if (next === undefined)
          throw new RangeError(`event ${rows.id} is in none of the windows that it was read for`);
        if (next !== window) flush(rows.frame);
        window = next;
        lastXid = rows.xid;
      }
      count += 1;
    }
    flush(block.to);
  }
  return windows;
}

function windowOf<Window extends { readonly tick: Tick }>(
  xid: number,
  windows: readonly Window[],
): Window | undefined {
  const exact = BigInt(xid);
  return windows.find(({ tick }) => isVisible(exact, tick.snapshot));
}

/** Windows that are read in one statement at most. A topic that catches up gains on the main lane by that. */
const GROUP = 64;

/** Reads the next ticks of a lane up to number `to`, without a hole. `latest` is the newest tick of all. */
export async function nextTicks(
  reads: Executor,
  lane: Pick<Lane, 'next'>,
  to: bigint,
  latest: Tick,
): Promise<readonly Tick[]> {
  if (latest.number === lane.next) return [latest];
  const room = to - lane.next + 1n;
  const ticks = await readTicks(reads, lane.next, room < BigInt(GROUP) ? Number(room) : GROUP);
  for (const [at, tick] of ticks.entries())
    if (tick.number !== lane.next + BigInt(at))
      throw new Error(`tick ${lane.next + BigInt(at)} is missing in converge.tick`);
  return ticks;
}

/**
 * The number of rows that a statement may return, from the size of events. A page of the largest events must not be
 * gigabytes. The size starts small, grows at most twofold a page, and falls at once.
 */
export class PageSize {
  readonly #most: number;
  readonly #bytes: number;
  #rows: number;

  constructor(mostRows: number, pageBytes: number) {
    this.#most = mostRows;
    this.#bytes = pageBytes;
    this.#rows = Math.min(mostRows, 500);
  }

  get rows(): number {
    return this.#rows;
  }

  saw(events: number, bytes: number): void {
    if (events === 0) return;
    const fits = Math.floor(this.#bytes / (bytes / events));
    this.#rows = Math.max(1, Math.min(this.#most, this.#rows * 2, fits));
  }
}
