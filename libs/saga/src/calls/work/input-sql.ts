/** The intent of a row of `saga_work`: SQL. The events that begin a step are in its fence, and not stored twice. */
export const inputSql = (work: string): string => `coalesce((
      select '{"events":' || fence.intent || ',' || substr(${work}.input, 2) from converge.saga_fence fence
       where ${work}.op = 'apply' and fence.saga = ${work}.saga and fence.instance = ${work}.instance and fence.step = ${work}.step),
      ${work}.input)`;

/** Returns the intent as `inputSql` does: `events` is the text in the fence. */
export function inputWith(events: string, input: string): string {
  return `{"events":${events},${input.slice(1)}`;
}
