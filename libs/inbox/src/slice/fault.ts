import { DatabaseError } from '@convergekit/postgres';
import { nameRefusal } from '@convergekit/outbox/engine';
import { failedWithCommit, sqlState } from '@convergekit/postgres/engine';
import type { Failure } from '@convergekit/core';
import { classify, strategies } from '@convergekit/resilience';
import { InboxError } from '../errors.ts';
import {
  committedEarly,
  EMIT,
  type Fault,
  HandlerFailed,
  OwnStatementFailed,
  SliceFault,
} from './slice-errors.ts';

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
