/** How far a partition's log is known to reach. `id` as text, as in the rows. */
export interface Cursor {
  readonly epoch: number;
  readonly tick: bigint;
  readonly id: string;
}

/** True when the event is at or below the cursor, that is, in the log already. */
export function isPassed(cursor: Cursor, tick: bigint, id: string): boolean {
  if (tick !== cursor.tick) return tick < cursor.tick;
  // Decimal text without leading zeros: the shorter number is the smaller one. Asked once per event.
  if (id.length !== cursor.id.length) return id.length < cursor.id.length;
  return id <= cursor.id;
}

/** `epoch.tick.id`, as in ce_prev. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}.${cursor.tick}.${cursor.id}`;
}
