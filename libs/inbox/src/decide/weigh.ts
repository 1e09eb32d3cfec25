import type { Placed } from './lay-out.ts';

/** What a slice asks of parking. */
export interface Weight {
  /** Keys that are given up. */
  readonly given: number;
  readonly handled: number;
  /** Events that will stand in a line, and their bytes. */
  readonly rows: number;
  readonly bytes: number;
}

/** Pure. */
export function weigh<DB>(placed: readonly Placed<DB>[]): Weight {
  let [given, handled, rows, bytes] = [0, 0, 0, 0];
  for (const { kind, step, ...one } of placed) {
    if (kind === 'handle') handled += 1;
    if (kind === 'head' || ('state' in one && one.state === 'dead')) given += 1;
    if (kind !== 'head' && kind !== 'behind') continue;
    rows += 1;
    bytes += step.record.value?.length ?? 0;
  }
  return { given, handled, rows, bytes };
}
