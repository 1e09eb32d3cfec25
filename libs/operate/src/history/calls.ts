import type { Executor } from '@convergekit/postgres';
import { type EventWork, readEventWork } from '@convergekit/saga/operate';
import { bounds, type Window } from './window.ts';

/** A call to another system that a handler requested. */
export interface StoredCall extends Omit<EventWork, 'story'> {
  readonly kind: 'call';
}

/** An attempt at a call: the call itself, or a query of its outcome. */
export type StoredCallAttempt = Exclude<EventWork['story'][number], { readonly op: 'operator' }> &
  Pick<EventWork, 'id' | 'consumer' | 'eventId' | 'call'> & {
    readonly kind: 'call_attempt';
    /** The number among the attempts at this call: several may begin within one millisecond. */
    readonly number: number;
  };

/** Reads the calls that handlers of these events requested, with all attempts. */
export async function readCalls(
  executor: Executor,
  ids: readonly string[],
  windows: readonly Window[],
): Promise<readonly (StoredCall | StoredCallAttempt)[]> {
  const found = await readEventWork(executor, ids, bounds(windows));
  return found.flatMap(({ story, ...work }) => {
    const { id, consumer, eventId, call } = work;
    // Acts of operators are read from the audit.
    const attempts = story.flatMap((one, index): readonly StoredCallAttempt[] =>
      one.op === 'operator'
        ? []
        : [{ kind: 'call_attempt', id, number: index + 1, consumer, eventId, call, ...one }],
    );
    return [{ kind: 'call' as const, ...work }, ...attempts];
  });
}
