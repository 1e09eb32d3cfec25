import type { Random } from '@convergekit/core';
import { BrokerError } from '../broker.ts';

const BASE_MS = 50;
const CAP_MS = 2_000;

/** Pause before repeat number `attempt` (from 0): full jitter above a floor, so that a dead broker is not hammered. */
export function delayMs(attempt: number, random: Random): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10));
  return BASE_MS / 2 + random() * ceiling;
}

/** A consumer repeats what heals by itself, and what a fresh connection or membership mends. */
export function isRepeatable(error: unknown): boolean {
  return error instanceof BrokerError && (error.kind === 'retry' || error.kind === 'new_producer');
}

/** Nothing heals it by itself: whoever owns the partition says where to go on. */
export function isOutOfRange(error: unknown): error is BrokerError {
  return error instanceof BrokerError && error.code === 'OFFSET_OUT_OF_RANGE';
}
