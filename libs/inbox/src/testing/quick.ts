import { randomBytes } from 'node:crypto';
import type { Broker } from '@convergekit/broker';
import { type PolicyBook, policyBook, type SlowSchedule } from '@convergekit/resilience';
import type { PolicyChange } from '@convergekit/resilience/engine';

/** Names what one test makes, so that tests can share a broker. */
export const tag = (): string => randomBytes(4).toString('hex');

/** Retries of parked events that follow each other at once. */
export const quickSchedule: SlowSchedule = {
  fast: { baseMs: 5, factor: 2, capMs: 20 },
  fastAttempts: 1_000,
  slow: { baseMs: 20, factor: 2, capMs: 20 },
  withinMs: 60_000,
};

/** Bugs that are given up after their attempts in place, without a limit: for tests of what follows. */
export const givenUpAtOnce = { afterMs: 0, perHour: 'unbounded' } as const;

/** Attempts in place that follow each other at once, and bugs that are given up after them. */
export const inPlace = (change: PolicyChange = {}): PolicyBook =>
  policyBook({ consumer: { backoff: { baseMs: 1, capMs: 2 }, giveUp: givenUpAtOnce, ...change } });

/** The options of a consumer whose retries follow each other at once, in place and parked. */
export const quickRetries = (change: PolicyChange = {}) => ({
  policies: inPlace(change),
  parking: { schedule: quickSchedule, pollMs: 20, systemic: { keys: 1_000, withinMs: 1_000 } },
});

export async function makeTopics(
  broker: Broker,
  topics: readonly string[],
  partitions: number,
): Promise<void> {
  const admin = await broker.admin();
  for (const name of topics) await admin.createTopic({ name, partitions });
  await admin.close();
}
