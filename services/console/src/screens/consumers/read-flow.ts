import { type PartitionLag, type PartitionOverview, readOpenGaps } from '@convergekit/inbox/operate';
import type { Admin } from '@convergekit/broker';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { readOutbox } from '@convergekit/relay/operate';
import type { z } from 'zod';
import type { memberSchema, relaySchema } from './answers.ts';

/** Reads the relay of a database; none where it is no source. */
export async function readRelay(
  executor: Executor,
  now: () => number,
): Promise<readonly Omit<z.input<typeof relaySchema>, 'database'>[]> {
  if (!(await hasTables(executor, 'converge.relay_source'))) return [];
  const { limit, holder, held, ...found } = await readOutbox(executor, now);
  return [{ ...found, leader: holder ?? null, waitingBytes: limit.waitingBytes, held: [...held] }];
}

/** Reads the members of the groups of consumers, one group after the other. A consumer's group has its name. */
export async function readMembers(
  admin: Admin,
  consumers: readonly string[],
): Promise<z.input<typeof memberSchema>[]> {
  const found: z.input<typeof memberSchema>[] = [];
  for (const consumer of new Set(consumers))
    for (const { id, host, partitions } of await admin.members(consumer))
      found.push({
        consumer,
        id,
        ...(host !== undefined && { host: host.replace(/^\//, '') }),
        partitions: partitions.map(({ topic, partition }) => `${topic}/${partition}`),
      });
  return found;
}

/**
 * The age of the newest handled event of a partition that lags: it is behind by this at most. 0 without lag; null = not known.
 * Pure.
 */
export function lagMs(
  { lag }: Pick<PartitionLag, 'lag'>,
  watermarks: PartitionOverview['watermarks'],
  now: number,
): number | null {
  if (lag === null) return null;
  if (lag <= 0n) return 0;
  const newest = Math.max(...watermarks.map(({ newestMs }) => newestMs ?? 0), 0);
  return newest === 0 ? null : Math.max(0, now - newest);
}

/** Reads the gaps that consumers of a database passed and that are not filled. */
export async function readGaps(executor: Executor) {
  return (await readOpenGaps(executor)).map(({ gap: id, ...gap }) => ({ id, ...gap }));
}
