import type { TupleBlock } from '@convergekit/postgres/engine';
import { OutboxRows } from './outbox-rows.ts';
import { isVisible, type Tick } from './tick.ts';

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
