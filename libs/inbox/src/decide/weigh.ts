import type { Placed } from './lay-out.ts';

/** What a slice asks of parking. */
export interface Weight {
  /** Keys that are given up, of which each may be a sign that nothing works: what was never an event of ours is none. */
  readonly given: number;
  readonly handled: number;
  /** Events that will stand in a line, and their bytes with key and headers. */
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
        if (one.state === 'dead' && isSign(one)) given += 1;
        break;
      case 'head':
        if (isSign(one)) given += 1;
        rows += 1;
        bytes += sizeOf(one);
        break;
      case 'behind':
        rows += 1;
        bytes += sizeOf(one);
    }
  return { given, handled, rows, bytes };
}

/**
 * Whether giving up this key may be a sign that the world is broken. Bytes that nobody vouches for never are: a writer of
 * the topic could make as many as it likes, and the partition would wait for hours.
 */
function isSign<DB>({ step, why }: Extract<Placed<DB>, { kind: 'head' | 'aside' }>): boolean {
  if (step.kind !== 'refuse' || why.as === 'park') return true;
  return step.envelope !== undefined && !step.foreign;
}

/** Bytes of its record: key, payload and headers. */
export function sizeOf<DB>({ step }: Pick<Placed<DB>, 'step'>): number {
  const { key, value, headers } = step.record;
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of headers) bytes += name.length + (text?.length ?? 0);
  return bytes;
}
