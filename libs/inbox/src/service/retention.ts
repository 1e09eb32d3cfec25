import type { Admin } from '@convergekit/broker';
import type { Clock, Random } from '@convergekit/core';
import { poll } from '@convergekit/core/engine';
import type { Database } from '@convergekit/postgres';
import { removeOld } from '@convergekit/postgres/engine';
import { logger } from '@convergekit/telemetry';
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

/** Rows of foreign events that one statement removes. */
const RANGE = 5_000;

type LogAdmin = Pick<Admin, 'describeTopic' | 'logEnds'>;

/** Removes old rows of foreign events every ten minutes, until the signal. */
export function pruneForeign(options: Retention, admin: LogAdmin, signal: AbortSignal): Promise<void> {
  const { clock, random } = options;
  const run = async (): Promise<void> => {
    const removed = await pruneOnce(options, admin, signal);
    if (removed > 0) logger('inbox').info({ rows: removed }, 'old rows of foreign events were removed');
  };
  const onError = (error: unknown): void =>
    logger('inbox').warn({ err: error }, 'old rows of foreign events could not be removed');
  return poll({ everyMs: EVERY_MS, immediately: false, signal, run, onError, clock, random });
}

/** Removes old rows whose records no log has any more, as the broker says. Returns how many. */
export async function pruneOnce(
  { database }: Pick<Retention, 'database'>,
  admin: LogAdmin,
  signal: AbortSignal,
): Promise<number> {
  const starts: LogStart[] = [];
  for (const read of await readForeignTopics(database.executor))
    starts.push(...(await startsOf(admin, read)));
  if (starts.length === 0) return 0;
  let removed: number;
  let all = 0;
  do all += removed = await forgetOldForeign(database.executor, starts, RANGE);
  while (removed === RANGE && !signal.aborted);
  return all;
}

async function startsOf(admin: LogAdmin, { topic, partitions }: ReadTopic): Promise<readonly LogStart[]> {
  if ((await admin.describeTopic(topic)) === undefined)
    return partitions.map((partition) => ({ topic, partition, earliest: 2n ** 63n - 1n }));
  return (await admin.logEnds(topic)).map(({ partition, earliest }) => ({ topic, partition, earliest }));
}
