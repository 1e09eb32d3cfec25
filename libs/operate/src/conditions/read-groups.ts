import type { Admin } from '@convergekit/broker';
import {
  type PartitionLag,
  type PartitionOverview,
  readLag,
  readOverview,
  sumPartitions,
} from '@convergekit/inbox/operate';
import { hasTables } from '@convergekit/postgres/engine';
import type { NamedExecutor } from '../scans/scan-outbox.ts';
import { BRIEF_MS, RESTART_MS } from './bounds.ts';
import { type AttentionBounds, isKept } from './checks.ts';
import { goneCondition, hotCondition, hotOf } from './consumer-items.ts';
import type { FoundCondition } from './found.ts';
import { readAbsent } from './read-absent.ts';

type Owned = PartitionOverview & { readonly database: string };
type Placed = FoundCondition & { readonly database: string };

/** Compares the groups of consumers with their positions: what a process does, or that there is none, is in no database. */
export async function readGroups(
  admin: Admin,
  databases: readonly NamedExecutor[],
  { bounds, now }: { readonly bounds: AttentionBounds; readonly now: number },
): Promise<readonly Placed[]> {
  const read = await Promise.all(databases.map(partitionsOf));
  const kept = read.flat().filter(isKept(bounds));
  if (kept.length === 0) return [];
  return [...(await readConsumers(admin, kept, now)), ...(await readAbsent(admin, kept))];
}

/** Reads the partitions of a database. One that cannot be read is named by its own checks. */
async function partitionsOf({ name: database, executor }: NamedExecutor): Promise<readonly Owned[]> {
  try {
    if (!(await hasTables(executor, 'converge.inbox_partition'))) return [];
    return (await readOverview(executor, undefined)).map((one) => ({ ...one, database }));
  } catch {
    return [];
  }
}

/** Finds consumers that lag and have no process in their group, and partitions that are far behind the others. */
export async function readConsumers(
  admin: Admin,
  partitions: readonly Owned[],
  now: number,
): Promise<readonly Placed[]> {
  const lags = await readLag(admin, partitions);
  const found: Placed[] = [];
  for (const own of Map.groupBy(lags, ({ database, consumer }) => `${database} ${consumer}`).values()) {
    const { consumer, database } = own[0] ?? { consumer: '', database: '' };
    const { lag } = sumPartitions(own);
    if (lag === null || lag === 0n) continue;
    if ((await admin.members(consumer)).length === 0) {
      const oldest = await oldestUnread(admin, own, now);
      found.push({ ...goneCondition({ consumer, lag, oldest }, now), database });
      continue;
    }
    for (const hot of hotOf(own)) {
      const oldest = await oldestUnread(admin, [hot.partition], now);
      if (oldest !== null && now - oldest.getTime() >= BRIEF_MS)
        found.push({ ...hotCondition(hot, oldest), database });
    }
  }
  return found;
}

/** Finds when the oldest record was written that waits, or the first one that no restart explains. Null: it cannot be read. */
async function oldestUnread(
  admin: Admin,
  partitions: readonly PartitionLag[],
  now: number,
): Promise<Date | null> {
  let oldest: number | undefined;
  for (const { topic, partition, nextOffset, logEnd } of partitions) {
    if (logEnd === null || logEnd <= nextOffset) continue;
    for await (const { timestampMs } of admin.read(topic, partition, nextOffset, logEnd)) {
      oldest = Math.min(oldest ?? timestampMs, timestampMs);
      break;
    }
    if (oldest !== undefined && now - oldest >= RESTART_MS) break;
  }
  return oldest === undefined ? null : new Date(oldest);
}
