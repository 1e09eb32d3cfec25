import { systemClock, systemRandom } from '@convergekit/core';
import type { Policies } from '@convergekit/resilience/engine';
import { policyBook, SharedGuards, type SlowSchedule } from '@convergekit/resilience';

export interface BenchOptions {
  /**
   * The retry policies of the handlers. @default the kit's attempts, with waits of 1 to 2 ms between them; a bug is given up
   * after them, since no test waits for a deployment
   */
  readonly policies?: Policies;
}

/** Attempts in place that follow each other at once; what they do not resolve is given up, without a limit. */
export const quickPolicies: Policies = policyBook({
  consumer: { backoff: { baseMs: 1, capMs: 2 }, giveUp: { afterMs: 0, perHour: 'unbounded' } },
});

const MONTH_MS = 30 * 86_400_000;
const never = { baseMs: MONTH_MS, factor: 1, capMs: MONTH_MS };

/** A parked event is tried again when the test says so, never by time. Many failures are no systemic fault here. */
export const parkingByHand = {
  schedule: {
    fast: never,
    fastAttempts: 1_000,
    slow: never,
    withinMs: Number.POSITIVE_INFINITY,
  } satisfies SlowSchedule,
  pollMs: 10,
  systemic: { keys: 1_000_000, withinMs: 1_000 },
};

/** Creates guards whose breaker stays out of the way: the failures of a test are no outage. */
export function calmGuards(): SharedGuards {
  const policies = policyBook({ default: { breaker: { minimumCalls: 1_000_000 } } });
  return new SharedGuards({ policies, clock: systemClock, random: systemRandom });
}
