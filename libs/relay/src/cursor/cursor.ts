import { START } from '@convergekit/contracts/engine';

/** How far a partition's log is known to reach. `id` as text, as in the rows. */
export interface Cursor {
  readonly epoch: number;
  readonly tick: bigint;
  readonly id: string;
  /**
   * While the cursor is of an older epoch, which may name what this timeline does not hold: how far the log holds what
   * it does. Numbers of ticks go on over a fork, so it is compared as the cursor would be.
   */
  readonly passed?: { readonly tick: bigint; readonly id: string };
}

/** `epoch.tick.id`, as in ce_prev. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}.${cursor.tick}.${cursor.id}`;
}

/** Before the first event of a partition. */
export function startCursor(): Cursor {
  return { epoch: START.epoch, tick: START.tick, id: START.id.toString() };
}
