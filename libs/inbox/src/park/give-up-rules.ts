import type { Envelope } from '@convergekit/contracts/engine';
import type { Failure } from '@convergekit/core';
import {
  bound,
  DEADLINE_PASSED,
  defaultGiveUp,
  dispositionOf,
  type GiveUpRules,
} from '@convergekit/resilience/engine';
import type { Policy } from '@convergekit/resilience';
import type { InboxErrorCode } from '../errors.ts';

/** Returns the limits of a handler's policy (pure). */
export function giveUpRulesOf({ giveUp = defaultGiveUp }: Pick<Policy, 'giveUp'>): GiveUpRules {
  return giveUp;
}

/** True for a failure that a deployment causes and a deployment fixes: a bug, or what is missing as long as nothing changes. */
export function isFault({ category, structural }: Pick<Failure, 'category' | 'structural'>): boolean {
  return category === 'bug' || structural;
}

/** The codes of records that are refused because nothing proves where they come from: any writer of a topic can make them. */
export const UNPROVED: readonly string[] = [
  'FAILURE_SOURCE',
  'FOREIGN_ID_REUSED',
  'RECORD_REJECTED',
] satisfies InboxErrorCode[];

/**
 * True for a given-up event that a wrong deployment may be the cause of: a fault, or data that is refused, as by a changed
 * schema or check. Pure. Not for data of a record that any writer can make: it would pause the consumer.
 */
export function countsAsFault({ failure, envelope, foreign = false }: GivenUp): boolean {
  if (isFault(failure)) return true;
  const proved = envelope?.position !== undefined && !foreign && !UNPROVED.includes(failure.code);
  return failure.category === 'data' && proved;
}

interface GivenUp {
  readonly failure: Failure;
  readonly envelope?: Pick<Envelope, 'position'> | undefined;
  readonly foreign?: boolean | undefined;
}

/**
 * True when an event that would be a dead letter is tried on, since a deployment may fix the fault. Pure. What took effect
 * is never tried again, nor what has missed its deadline. `elapsedMs`: since the event's first attempt.
 */
export function awaitsFix(failure: Failure, elapsedMs: number, { afterMs }: GiveUpRules): boolean {
  if (!isFault(failure) || dispositionOf(failure) !== 'dead' || elapsedMs >= afterMs) return false;
  return failure.certainty !== 'applied' && failure.code !== DEADLINE_PASSED;
}

/** True when a consumer that gave up `given` events for faults within the hour may give up `wanted` more (pure). */
export function mayGiveUp(given: number, wanted: number, { perHour }: Pick<GiveUpRules, 'perHour'>): boolean {
  return given + wanted <= bound(perHour);
}
