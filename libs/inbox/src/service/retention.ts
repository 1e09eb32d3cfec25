import type { Clock, Random } from '@convergekit/core';
import { poll } from '@convergekit/core/engine';
import type { Database } from '@convergekit/postgres';
import { removeOld } from '@convergekit/postgres/engine';
import { logger } from '@convergekit/telemetry';

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
const attempts = { table: 'converge.inbox_attempt', at: 'started_at' };
/** Events that need no action. The index is the partial one, parked_ended. */
const ended = {
  table: 'converge.parked',
  at: 'changed_at',
  where: `state in ('rejected', 'skipped', 'superseded', 'replaced')`,
};

/** Removes old attempts and closed parked events every ten minutes, until the signal. */
export function removeEnded(options: Retention, signal: AbortSignal): Promise<void> {
  const { database, clock, random, keepAttemptsMs, keepEndedMs } = options;
  const { executor } = database;
  const run = async (): Promise<void> => {
    await removeOld(executor, attempts, { keepMs: keepAttemptsMs, signal });
    await removeOld(executor, ended, { keepMs: keepEndedMs, signal });
  };
  const onError = (error: unknown): void =>
    logger('inbox').warn({ err: error }, 'old attempts and records could not be removed');
  return poll({ everyMs: EVERY_MS, immediately: false, signal, run, onError, clock, random });
}
