import { systemRandom } from '@convergekit/core';
import { BrokerError } from '../broker.ts';

const BASE_MS = 50;
const CAP_MS = 2_000;

/**
 * Computes the pause before retry `attempt` (from 0), in milliseconds. The jitter is above a floor, so that retries do
 * not flood a dead broker.
 */
export function delayMs(attempt: number): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10));
  return BASE_MS / 2 + systemRandom() * ceiling;
}

/** True when a consumer retries: the failure is transient, or a new connection or membership resolves it. */
export function isRepeatable(error: unknown): boolean {
  return error instanceof BrokerError && (error.kind === 'retry' || error.kind === 'new_producer');
}

/** Refusals of a login that the broker took before: they end when the former password or a valid certificate is back. */
const REFUSALS = ['NOT_AUTHENTICATED', 'TLS_FAILED'];

/** True when a member that was in the group before tries again: also when its login is refused. */
export function isRepeatableForMember(error: unknown): boolean {
  return isRepeatable(error) || (error instanceof BrokerError && REFUSALS.includes(error.code));
}

/** True for a position outside the log: no retry helps, and the partition's owner chooses another position. */
export function isOutOfRange(error: unknown): error is BrokerError {
  return error instanceof BrokerError && error.code === 'OFFSET_OUT_OF_RANGE';
}
