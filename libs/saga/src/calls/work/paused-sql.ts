/** Returns the condition that a pause of its saga holds a row of converge.saga_work. Timers are not held. */
export function pausedWorkSql(row: string): string {
  return `exists (select from converge.saga_pause pause where pause.saga = ${row}.saga
    and pause.instance in ('', ${row}.instance) and ${row}.op in ('apply', 'compensate', 'resolve'))`;
}

/** Returns the condition that the saga of a row of converge.saga_fence is paused here. */
export function pausedStepSql(row: string): string {
  return `exists (select from converge.saga_pause pause where pause.saga = ${row}.saga
    and pause.instance in ('', ${row}.instance))`;
}
