import { START } from '@convergekit/contracts/engine';

/** The place up to which a partition's log is known to be written. `id` is text, as in the rows. */
export interface Cursor {
  readonly epoch: number;
  readonly tick: bigint;
  readonly id: string;
  /**
   * The place up to which the log holds events of this timeline, while the cursor is of an older epoch. Such a cursor
   * may name an event that this timeline does not have. Numbers of ticks continue over a fork, so `passed` is compared
   * like the cursor.
   */
  readonly passed?: { readonly tick: bigint; readonly id: string };
}

/** `epoch.tick.id`, as in ce_prev. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}.${cursor.tick}.${cursor.id}`;
}

/** Returns the cursor before the first event of a partition. */
export function startCursor(): Cursor {
  return { epoch: START.epoch, tick: START.tick, id: START.id.toString() };
}
