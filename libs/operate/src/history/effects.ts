import type { Executor } from '@convergekit/postgres';
import { type EventWork, readEventWork } from '@convergekit/saga/operate';
import { bounds, type Window } from './window.ts';

/** A call to another system that a handler asked for. */
export interface StoredEffect extends Omit<EventWork, 'story'> {
  readonly kind: 'effect';
}

/** An attempt at an effect: a call, or a query of the outcome of a call. */
export type StoredCall = Exclude<EventWork['story'][number], { readonly op: 'operator' }> &
  Pick<EventWork, 'id' | 'consumer' | 'eventId' | 'effect'> & {
    readonly kind: 'call';
    /** The number among the attempts at this effect: several may begin within one millisecond. */
    readonly number: number;
  };

/** Reads the effects that handlers of these events requested, with all attempts. */
export async function readEffects(
  executor: Executor,
  ids: readonly string[],
  windows: readonly Window[],
): Promise<readonly (StoredEffect | StoredCall)[]> {
  const found = await readEventWork(executor, ids, bounds(windows));
  return found.flatMap(({ story, ...work }) => {
    const { id, consumer, eventId, effect } = work;
    // Acts of operators are read from the audit.
    const calls = story.flatMap((one, index): readonly StoredCall[] =>
      one.op === 'operator'
        ? []
        : [{ kind: 'call', id, number: index + 1, consumer, eventId, effect, ...one }],
    );
    return [{ kind: 'effect' as const, ...work }, ...calls];
  });
}
