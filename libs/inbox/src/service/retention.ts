import type { Clock, Random } from '@convergekit/core';
import { poll } from '@convergekit/core/engine';
import type { Database } from '@convergekit/postgres';
import { logger } from '@convergekit/telemetry';
import { forgetAttempts } from '../attempt/attempt-sql.ts';
import { forgetEnded } from '../park/parked-sql.ts';

export interface Retention {
  readonly database: Pick<Database, 'executor' | 'acquire'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds that an attempt is kept. */
  readonly keepAttemptsMs: number;
  /** Milliseconds that a rejected, skipped, superseded or replaced event is kept. */
  readonly keepEndedMs: number;
}

const EVERY_MS = 600_000;
/** Rows of one statement. */
const RANGE = 5_000;

/** Removes old attempts and closed parked events every ten minutes, until the signal. */
export function removeOld(options: Retention, signal: AbortSignal): Promise<void> {
  const { database, clock, random, keepAttemptsMs, keepEndedMs } = options;
  const { executor } = database;
  const run = async (): Promise<void> => {
    await inRanges(() => forgetAttempts(executor, keepAttemptsMs, RANGE), signal);
    await inRanges(() => forgetEnded(executor, keepEndedMs, RANGE), signal);
  };
  const onError = (error: unknown): void =>
    logger('inbox').warn({ err: error }, 'old attempts and records could not be removed');
  return poll({ everyMs: EVERY_MS, immediately: false, signal, run, onError, clock, random });
}

/** Statement by statement, so that a long backlog delays neither other transactions nor a stop. */
async function inRanges(remove: () => Promise<number>, signal: AbortSignal): Promise<void> {
  let removed: number;
  do removed = await remove();
  while (removed === RANGE && !signal.aborted);
}
