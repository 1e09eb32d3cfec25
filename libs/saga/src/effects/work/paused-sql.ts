/**
 * Returns the condition that a row of converge.saga_work is held by a pause of its saga: a call, a query or an undo. Timers
 * are not held. The table of pauses is tiny.
 */
export function pausedWorkSql(row: string): string {
  return `exists (select from converge.saga_pause pause where pause.saga = ${row}.saga
    and pause.instance in ('', ${row}.instance) and ${row}.op in ('apply', 'compensate', 'resolve'))`;
}

/** Returns the condition that the saga of a row of converge.saga_fence is paused here. */
export function pausedStepSql(row: string): string {
  return `exists (select from converge.saga_pause pause where pause.saga = ${row}.saga
    and pause.instance in ('', ${row}.instance))`;
}
