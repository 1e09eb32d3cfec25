import type { Clock, Random } from '@convergekit/core';
import { poll } from '@convergekit/core/engine';
import type { Admin } from '@convergekit/broker';
import type { Database } from '@convergekit/postgres';
import { logger } from '@convergekit/telemetry';
import { forgetAttempts } from '../attempt/attempt-sql.ts';
import { forgetEnded } from '../park/parked-sql.ts';
import { forgetOldForeign, type LogStart, readForeignTopics, type ReadTopic } from './foreign-sql.ts';

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
async function inRanges(remove: () => Promise<number>, signal: AbortSignal): Promise<number> {
  let removed: number;
  let all = 0;
  do all += removed = await remove();
  while (removed === RANGE && !signal.aborted);
  return all;
}

export type PruneForeign = Pick<Retention, 'database' | 'clock' | 'random'>;
type LogAdmin = Pick<Admin, 'describeTopic' | 'logEnds'>;

/** Removes old rows of foreign events every ten minutes, until the signal. */
export function pruneForeign(options: PruneForeign, admin: LogAdmin, signal: AbortSignal): Promise<void> {
  const { clock, random } = options;
  const log = logger('inbox');
  const run = async (): Promise<void> => {
    const removed = await pruneOnce(options, admin, signal);
    if (removed > 0) log.info({ rows: removed }, 'old rows of foreign events were removed');
  };
  const onError = (error: unknown): void =>
    log.warn({ err: error }, 'old rows of foreign events could not be removed');
  return poll({ everyMs: EVERY_MS, immediately: false, signal, run, onError, clock, random });
}

/**
 * Removes the rows that are old enough and whose records no log has any more. The broker's log is read, since a configured
 * retention proves nothing. Returns how many.
 */
export async function pruneOnce(
  { database }: PruneForeign,
  admin: LogAdmin,
  signal: AbortSignal,
): Promise<number> {
  const starts: LogStart[] = [];
  for (const read of await readForeignTopics(database.executor))
    starts.push(...(await startsOf(admin, read)));
  if (starts.length === 0 || signal.aborted) return 0;
  return inRanges(() => forgetOldForeign(database.executor, starts, RANGE), signal);
}

async function startsOf(admin: LogAdmin, { topic, partitions }: ReadTopic): Promise<readonly LogStart[]> {
  if ((await admin.describeTopic(topic)) === undefined)
    return partitions.map((partition) => ({ topic, partition, earliest: 2n ** 63n - 1n }));
  return (await admin.logEnds(topic)).map(({ partition, earliest }) => ({ topic, partition, earliest }));
}
