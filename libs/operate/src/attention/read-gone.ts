import type { Admin } from '@convergekit/broker';
import {
  type PartitionLag,
  type PartitionOverview,
  readLag,
  sumPartitions,
} from '@convergekit/inbox/operate';
import { RESTART_MS } from './bounds.ts';
import { goneCondition } from './consumer-items.ts';
import type { FoundCondition } from './item.ts';

type Owned = PartitionOverview & { readonly database: string };

/** Finds consumers that lag and have no process in their group. */
export async function readGone(
  admin: Admin,
  partitions: readonly Owned[],
  now: number,
): Promise<readonly (FoundCondition & { readonly database: string })[]> {
  const lags = await readLag(admin, partitions);
  const found: (FoundCondition & { readonly database: string })[] = [];
  for (const own of Map.groupBy(lags, ({ database, consumer }) => `${database} ${consumer}`).values()) {
    const { consumer, database } = own[0] ?? { consumer: '', database: '' };
    const { lag } = sumPartitions(own);
    if (lag === null || lag === 0n || (await admin.members(consumer)).length > 0) continue;
    const oldest = await oldestUnread(admin, own, now);
    found.push({ ...goneCondition({ consumer, lag, oldest }, now), database });
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
