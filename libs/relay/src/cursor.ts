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

/** True when the event is at or below the cursor, that is, in the log already. */
export function isPassed(cursor: Cursor, tick: bigint, id: string): boolean {
  const at = cursor.passed ?? cursor;
  if (tick !== at.tick) return tick < at.tick;
  // Decimal text without leading zeros: the shorter number is the smaller one. Asked once per event.
  if (id.length !== at.id.length) return id.length < at.id.length;
  return id <= at.id;
}

/** `epoch.tick.id`, as in ce_prev. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}.${cursor.tick}.${cursor.id}`;
}
