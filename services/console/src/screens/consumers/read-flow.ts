import {
  type PartitionLag,
  type PartitionOverview,
  readLag,
  readOpenGaps,
  readOverview,
} from '@convergekit/inbox/operate';
import type { Admin } from '@convergekit/broker';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { readPulse, survey } from '@convergekit/relay/operate';
import type { z } from 'zod';
import type { memberSchema, partitionSchema, relaySchema } from './answers.ts';

/** Reads the relay of a database; none where it is no source. */
export async function readRelay(
  executor: Executor,
  now: () => number,
): Promise<readonly Omit<z.input<typeof relaySchema>, 'database'>[]> {
  if (!(await hasTables(executor, 'converge.relay_source'))) return [];
  const found = await survey(executor, { lease: 'relay', now });
  const pulse = await readPulse(executor);
  const { source, epoch, backlog, oldestMs, limit } = found;
  return [
    {
      ...{ source, epoch, backlog, oldestMs },
      leader: found.holder ?? null,
      waitingBytes: limit.waitingBytes,
      term: pulse.term,
      doneTick: pulse.doneTick,
      perMinute: pulse.perMinute,
      held: pulse.held.map(({ topic, reason }) => ({ topic, reason })),
    },
  ];
}

/** The log's ends: from the broker, or why they are not known. */
export type LogEnds =
  { readonly kind: 'broker'; readonly admin: Admin } | { readonly kind: 'unknown'; readonly why: string };

/** Reads the partitions of the consumers of a database; none where it has no consumers. */
export async function readPartitions(
  executor: Executor,
  ends: LogEnds,
  now: number,
): Promise<readonly Omit<z.input<typeof partitionSchema>, 'database'>[]> {
  if (!(await hasTables(executor, 'converge.inbox_partition'))) return [];
  const rows = await readOverview(executor, undefined);
  const lags: readonly PartitionLag[] =
    ends.kind === 'broker'
      ? await readLag(ends.admin, rows)
      : rows.map((row) => ({ ...row, logEnd: null, lag: null }));
  return lags.map(({ watermarks, ...row }) => ({
    ...row,
    watermarks: [...watermarks],
    lagMs: lagMs(row, watermarks, now),
  }));
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
        ...{ consumer, id, ...(host !== undefined && { host: host.replace(/^\//, '') }) },
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
