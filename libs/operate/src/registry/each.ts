import { ConvergeError } from '@convergekit/core';
import { refused as refusal } from '../host/errors.ts';
import type { Acting } from './act.ts';

/** Refuses an act on more things than its preview showed. */
export function requireExpected(found: number, things: string, { expected }: Pick<Acting, 'expected'>): void {
  if (expected !== undefined && found > expected)
    throw refusal(
      'MORE_BY_NOW',
      `${found} ${things} by now, more than the ${expected} of the preview: look at the preview again`,
    );
}

/** Acts on one thing after the other until it is stopped, and returns those that were changed. A refusal passes to the next thing. */
export async function actOnEach<Thing>(
  things: readonly Thing[],
  { report, signal }: Pick<Acting, 'report' | 'signal'>,
  change: (thing: Thing) => Promise<void>,
): Promise<{ readonly changed: readonly Thing[]; readonly refused: readonly ConvergeError[] }> {
  const [changed, refused]: [Thing[], ConvergeError[]] = [[], []];
  for (const [at, thing] of things.entries()) {
    if (signal.aborted) break;
    report(at, things.length);
    try {
      await change(thing);
      changed.push(thing);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refused.push(error);
    }
  }
  return { changed, refused };
}

/** True for the refusal of an owner's function, whose words are for people. */
export const isRefusal = (error: unknown): error is ConvergeError =>
  error instanceof ConvergeError && (error.category === 'data' || error.category === 'contention');
