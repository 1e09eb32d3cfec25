import type { Database } from '@convergekit/postgres';
import type { Clock, Random } from '@convergekit/core';
import { logger } from '@convergekit/telemetry';
import { forgetAttempts } from '../query/attempt.ts';
import { forgetEnded } from '../query/parked.ts';

export interface Forgetting {
  readonly database: Pick<Database, 'executor'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds that an attempt is kept. */
  readonly keepAttemptsMs: number;
  /** Milliseconds that a rejected, skipped or superseded event is kept. */
  readonly keepEndedMs: number;
}

export const EVERY_MS = 600_000;
const RANGE = 5_000;

/** Removes what is old until the signal, every ten minutes or so. A database that is away is asked again next time. */
export async function forgetOld(options: Forgetting, signal: AbortSignal): Promise<void> {
  const { database, clock, random, keepAttemptsMs, keepEndedMs } = options;
  const { executor } = database;
  for (;;) {
    // Members that started together do not come together.
    await clock.sleep(EVERY_MS * (0.5 + random()), signal);
    if (signal.aborted) return;
    try {
      await inRanges(() => forgetAttempts(executor, keepAttemptsMs, RANGE), signal);
      await inRanges(() => forgetEnded(executor, keepEndedMs, RANGE), signal);
    } catch (error) {
      logger('inbox').warn({ err: error }, 'old attempts and records were not removed');
    }
  }
}

/** Statement by statement, so that a long backlog holds neither locks nor a stop up for long. */
async function inRanges(forget: () => Promise<number>, signal: AbortSignal): Promise<void> {
  let removed: number;
  do removed = await forget();
  while (removed === RANGE && !signal.aborted);
}
