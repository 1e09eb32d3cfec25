import { failpoint } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';
import { DatabaseError } from '@convergekit/postgres';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { InboxError } from '../errors.ts';
import type { Pause } from './partition.ts';
import { nameRefusal } from '@convergekit/outbox/engine';
import { failedWithCommit, isRefusedConnection, sqlState } from '@convergekit/postgres/engine';
import { classify, strategies } from '@convergekit/resilience';

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

/** Classifies everything that `applySlices` may reject with. Pure. */
export function faultOf(error: unknown): Fault {
  const early = committedEarly(error);
  if (early !== undefined) return { kind: 'stop', error: early };
  if (error instanceof SliceFault) return error.fault;
  if (error instanceof HandlerFailed)
    return { kind: 'events', failure: handlerFailure(error), handler: error.handler };
  if (error instanceof OwnStatementFailed) return ownFault(error);
  // The remaining errors come from BEGIN or COMMIT.
  if (error instanceof DatabaseError && error.code === 'COMMIT_ROLLED_BACK') return swallowedFault(error);
  if (failedWithCommit(error))
    return { kind: 'events', failure: classify(nameRefusal(error)), handler: EMIT };
  const failure = classify(error);
  if (isOutage(failure) || isRefusedConnection(error)) return { kind: 'outage', error };
  if (failure.category === 'configuration') return { kind: 'stop', error };
  return { kind: 'events', failure, handler: undefined };
}

/**
 * Classifies what a handler threw. An error that no rule knows is a bug of the handler: the slice is rolled back, so it
 * took no effect, unless the attempt called another system. Errors that know their certainty keep it.
 */
function handlerFailure({ cause, called }: HandlerFailed): Failure {
  const certainty = called ? 'unknown' : 'not_applied';
  return classify(cause, [], { category: 'bug', certainty, code: 'UNCLASSIFIED' });
}

function ownFault({ step, cause }: OwnStatementFailed): Fault {
  const state = sqlState(cause);
  if (step === 'fence' && state === '55P03') return { kind: 'fence_held', error: cause };
  // The transaction was aborted before the inbox's statement: a handler caught the database's error and continued.
  if (state === '25P02') return swallowedFault(cause);
  // 57014: the statement reached its timeout; 25P03, 25P04: the server ended the session.
  const ended = state === '57014' || state === '55P03' || state === '25P03' || state === '25P04';
  if (ended || isOutage(classify(cause)) || isRefusedConnection(cause))
    return { kind: 'outage', error: cause };
  if (state === '42P01' || state === '3F000') return { kind: 'stop', error: notMigrated(cause) };
  return { kind: 'stop', error: cause };
}

/**
 * True for an error that ends the consumer: its code or its settings must change. A connection that is refused while it runs is an
 * outage: the same login was accepted at its start.
 */
export function endsConsumer(error: unknown): boolean {
  return classify(error).category === 'configuration' && !isRefusedConnection(error);
}

/** True for a failure that waiting may resolve, and that is no event's fault. */
export function isOutage({ category }: Failure): boolean {
  return strategies[category].disposition === 'park';
}

function swallowedFault(cause: unknown): Fault {
  const error = new InboxError(
    'ERROR_SWALLOWED',
    'a statement of the handler failed and the handler ignored its error, so nothing of the slice can be committed: rethrow the error, or wrap that statement in a savepoint',
    { category: 'bug', cause },
  );
  return { kind: 'events', failure: classify(error), handler: undefined };
}

export function notMigrated(cause: unknown): InboxError {
  return new InboxError(
    'INBOX_NOT_MIGRATED',
    'the tables of the inbox are missing in this database: run `converge migrate` with its DATABASE_URL, then start again',
    { cause },
  );
}
