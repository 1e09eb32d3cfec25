import { DatabaseError } from '@convergekit/postgres';
import { nameRefusal } from '@convergekit/outbox/engine';
import { failedWithCommit, sqlState } from '@convergekit/postgres/engine';
import type { Failure } from '@convergekit/core';
import { classify, strategies } from '@convergekit/resilience';
import type { Pause } from './partition-state.ts';
import { InboxError } from '../errors.ts';
import {
  committedEarly,
  ConnectionLost,
  EMIT,
  FenceLost,
  GiveUpRefused,
  HandlerFailed,
  HeldChanged,
  OwnStatementFailed,
  ParkingRefused,
  PartitionLost,
  SliceTooLong,
  TypeAhead,
} from './slice-errors.ts';

/** The cause of a slice that did not commit. This union distinguishes an outage from a bad event. */
export type Fault =
  /** Another owner moved the fence: reload the state. */
  | { readonly kind: 'fence_lost' }
  | { readonly kind: 'partition_lost' }
  /** Another session holds the fence row longer than the lock timeout. */
  | { readonly kind: 'fence_held'; readonly error: unknown }
  /** The consumer's own database does not answer, or the outcome of the commit is unknown: wait, then reload the state. */
  | { readonly kind: 'outage'; readonly error: unknown }
  /** The events are at fault: a handler threw, or the commit was refused for what they wrote. */
  | { readonly kind: 'events'; readonly failure: Failure; readonly handler: string | undefined }
  /** Keys were released or parked meanwhile: repeat the slice with the current keys. */
  | {
      readonly kind: 'held_changed';
      readonly released: readonly string[];
      readonly parked: readonly string[];
    }
  /** No event is given up: the partition waits, then continues at the same event. */
  | { readonly kind: 'pause'; readonly pause: Pause }
  /** No event is given up: the consumer pauses until an operator resumes it. */
  | { readonly kind: 'give_up_limit'; readonly refused: GiveUpRefused }
  /** The slice exceeded its time, and is repeated in smaller slices. */
  | { readonly kind: 'too_long' }
  /** Events of types that only another version of this consumer handles: they must not be passed. */
  | { readonly kind: 'type_ahead'; readonly types: readonly string[] }
  /** The consumer cannot work until an operator fixes a setting. */
  | { readonly kind: 'stop'; readonly error: unknown };

/** Classifies everything that `applySlices` may reject with. Pure. */
export function faultOf(error: unknown): Fault {
  const early = committedEarly(error);
  if (early !== undefined) return { kind: 'stop', error: early };
  if (error instanceof FenceLost) return { kind: 'fence_lost' };
  if (error instanceof TypeAhead) return { kind: 'type_ahead', types: error.types };
  if (error instanceof PartitionLost) return { kind: 'partition_lost' };
  if (error instanceof SliceTooLong) return { kind: 'too_long' };
  if (error instanceof HeldChanged)
    return { kind: 'held_changed', released: error.released, parked: error.parked };
  if (error instanceof ParkingRefused) return { kind: 'pause', pause: refusedPause(error) };
  if (error instanceof GiveUpRefused) return { kind: 'give_up_limit', refused: error };
  if (error instanceof ConnectionLost) return { kind: 'outage', error: error.cause };
  if (error instanceof HandlerFailed)
    return { kind: 'events', failure: handlerFailure(error), handler: error.handler };
  if (error instanceof OwnStatementFailed) return ownFault(error);
  // The remaining errors come from BEGIN or COMMIT.
  if (error instanceof DatabaseError && error.code === 'COMMIT_ROLLED_BACK') return swallowedFault(error);
  if (failedWithCommit(error))
    return { kind: 'events', failure: classify(nameRefusal(error)), handler: EMIT };
  const failure = classify(error);
  if (isOutage(failure)) return { kind: 'outage', error };
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

function refusedPause({ why, handler }: ParkingRefused): Pause {
  switch (why) {
    case 'parked_cap':
      return {
        code: why,
        reason:
          'the consumer has reached its limit of parked events: nothing more is parked until some are applied; list them with `converge parked list`, fix the cause, then retry or skip',
        forMs: undefined,
      };
    case 'systemic_fault':
      return {
        code: why,
        reason: `key after key of ${handler === undefined ? 'this consumer' : `handler ${handler}`} fails, so the cause is hardly the events: until one of its events takes effect, only one more key is parked after 1, 2, 4 … 60 minutes; fix the cause`,
        forMs: undefined,
      };
  }
}

function ownFault({ step, cause }: OwnStatementFailed): Fault {
  const state = sqlState(cause);
  if (step === 'fence' && state === '55P03') return { kind: 'fence_held', error: cause };
  // The transaction was aborted before the inbox's statement: a handler caught the database's error and continued.
  if (state === '25P02') return swallowedFault(cause);
  // 57014: the statement reached its timeout; 25P03, 25P04: the server ended the session.
  const ended = state === '57014' || state === '55P03' || state === '25P03' || state === '25P04';
  if (ended || isOutage(classify(cause))) return { kind: 'outage', error: cause };
  if (state === '42P01' || state === '3F000') return { kind: 'stop', error: notMigrated(cause) };
  return { kind: 'stop', error: cause };
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
