import { failpoint } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';
import { DatabaseError } from '@convergekit/postgres';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { InboxError } from '../errors.ts';
import type { Pause } from './partition-state.ts';

/** The cause of a slice that did not commit. This union distinguishes an outage from a bad event. */
export type Fault =
  /** Another owner moved the fence, and nothing was applied: reload the state. */
  | { readonly kind: 'fence_lost' }
  /** The partition was reassigned while its slice was in work. */
  | { readonly kind: 'partition_lost' }
  /** Another session holds the fence row longer than the lock timeout. */
  | { readonly kind: 'fence_held'; readonly error: unknown }
  /** The consumer's own database does not answer, or the outcome of the commit is unknown: wait, then reload the state. */
  | { readonly kind: 'outage'; readonly error: unknown }
  /** The events are at fault: a handler threw, or the commit was refused for what they wrote. */
  | { readonly kind: 'events'; readonly failure: Failure; readonly handler: string | undefined }
  /** Keys were released or parked since they were read: repeat the slice with the current keys. */
  | {
      readonly kind: 'held_changed';
      readonly released: readonly string[];
      readonly parked: readonly string[];
    }
  /** No event is given up: the partition waits, then continues at the same event. */
  | { readonly kind: 'pause'; readonly pause: Pause }
  | GiveUpRefused
  /** The slice exceeded its time, and is repeated in smaller slices. */
  | { readonly kind: 'too_long' }
  /** Events of types that only another version of this consumer handles: they must not be passed. */
  | { readonly kind: 'type_ahead'; readonly types: readonly string[] }
  /** The consumer cannot work until an operator fixes a setting. */
  | { readonly kind: 'stop'; readonly error: unknown };

/** An event must be given up for a fault and may not be: the consumer pauses until an operator resumes it. */
export interface GiveUpRefused {
  readonly kind: 'give_up_limit';
  readonly deadLetter: DeadLetter;
  /** The number of events that were to be given up with it. */
  readonly wanted: number;
  readonly perHour: number;
}

/** The error that rolls back a slice for a known cause, of which no statement and no handler is guilty. */
export class SliceFault extends Error {
  readonly fault: Fault;
  constructor(fault: Fault, options?: ErrorOptions) {
    super(`the slice is rolled back (${fault.kind})`, options);
    this.fault = fault;
  }
}

/** Makes the error of a slice whose own connection broke, so that no handler is at fault. */
export function connectionLost(cause: unknown): SliceFault {
  return new SliceFault({ kind: 'outage', error: cause }, { cause });
}

export type OwnStep =
  'limits' | 'fence' | 'foreign' | 'fill' | 'types' | 'attempts' | 'gap' | 'park' | 'drain' | 'give_up';

/** The error of a statement of the inbox: a fault of the database or kit, never of an event. */
export class OwnStatementFailed extends Error {
  readonly step: OwnStep;
  constructor(step: OwnStep, cause: unknown) {
    super(`the inbox's own statement failed (${step})`, { cause });
    this.step = step;
  }
}

/** The name by which the append of emitted events counts as a handler. */
export const EMIT = 'emit';

/** The error of a handler that threw. */
export class HandlerFailed extends Error {
  readonly handler: string;
  /** True if the attempt called another system by an `operation`: a rollback does not undo that. */
  readonly called: boolean;
  constructor(handler: string, cause: unknown, called = false) {
    super(`handler ${handler} failed`, { cause });
    this.handler = handler;
    this.called = called;
  }
}

/** The longest chain of causes that is searched: an error of a handler may be its own cause. */
const MAX_CAUSES = 10;

/** Returns the error that stops a consumer whose slice was committed by a handler; undefined for every other error. */
export function committedEarly(error: unknown): InboxError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < MAX_CAUSES; at = at.cause, depth += 1)
    if (at instanceof DatabaseError && at.code === 'TRANSACTION_ENDED_EARLY' && at.certainty === 'unknown') {
      const by = error instanceof HandlerFailed ? `handler ${error.handler}` : 'a handler';
      return new InboxError(
        'CONSUMER_STOPPED',
        `the consumer stopped: ${by} committed the transaction of its slice past the checks of the kit, so positions are saved past events that were not handled. Take the statement out, then handle them with \`converge consumers replay\``,
        { category: 'bug', certainty: 'unknown', cause: error },
      );
    }
  return undefined;
}

/** Runs a statement of the inbox, and names it when it fails. Errors that are not the database's pass unchanged. */
export async function ownStatement<T>(step: OwnStep, statement: () => Promise<T>): Promise<T> {
  try {
    const result = await statement();
    failpoint(`inbox.after_${step}`);
    return result;
  } catch (error) {
    if (error instanceof SliceFault) throw error;
    throw new OwnStatementFailed(step, error);
  }
}
