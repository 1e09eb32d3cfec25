import type { Admin } from '@convergekit/broker';
import { poll } from '@convergekit/core/engine';
import { logger } from '@convergekit/telemetry';
import { forgetOldForeign, type LogStart, readForeignTopics, type ReadTopic } from './foreign-sql.ts';
import type { Retention } from './retention.ts';

const EVERY_MS = 600_000;
/** Rows of one statement. */
const RANGE = 5_000;

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
