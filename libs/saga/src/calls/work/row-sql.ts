/** The intent of a row of `saga_work`: SQL. The events that begin a step are in its fence, and not stored twice. */
export const inputSql = (work: string): string => `coalesce((
      select '{"events":' || fence.intent || ',' || substr(${work}.input, 2) from converge.saga_fence fence
       where ${work}.op = 'apply' and fence.saga = ${work}.saga and fence.instance = ${work}.instance and fence.step = ${work}.step),
      ${work}.input)`;

/** Returns the intent as `inputSql` does: `events` is the text in the fence. */
export function inputWith(events: string, input: string): string {
  return `{"events":${events},${input.slice(1)}`;
}

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
