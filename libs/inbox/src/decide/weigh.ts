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
  for (const one of placed)
    switch (one.kind) {
      case 'pass':
        break;
      case 'handle':
        handled += 1;
        break;
      case 'aside':
        if (one.state === 'dead') given += 1;
        break;
      case 'head':
        given += 1;
        rows += 1;
        bytes += sizeOf(one);
        break;
      case 'behind':
        rows += 1;
        bytes += sizeOf(one);
    }
  return { given, handled, rows, bytes };
}

function sizeOf<DB>({ step }: Placed<DB>): number {
  return step.record.value?.length ?? 0;
}
