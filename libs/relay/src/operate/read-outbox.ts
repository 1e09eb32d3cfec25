import { systemClock } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import { LEASE } from '../options.ts';
import { survey, type Survey } from '../watch/survey-sql.ts';
import { type OutboxPulse, readPulse } from './pulse-sql.ts';

/** The outbox of a database as operators see it: what waits, and how its relay goes on. */
export type OutboxState = Survey & OutboxPulse;

/** Reads the state of the outbox, whichever relay leads. Throws when converge is not migrated here. */
export async function readOutbox(
  executor: Executor,
  now: () => number = () => systemClock.now(),
): Promise<OutboxState> {
  return { ...(await survey(executor, { lease: LEASE, now })), ...(await readPulse(executor)) };
}
