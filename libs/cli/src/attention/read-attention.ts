import {
  readBreakerWaits,
  readOverdueJournal,
  readPauses,
  readUnclaimedWork,
} from '@convergekit/saga/operate';
import { groupParked, readOpenGaps, readOverview } from '@convergekit/inbox/operate';
import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { missingMigrations } from '@convergekit/postgres/operate';
import { readStatus } from '@convergekit/reconcile/operate';
import { readHeld, readSurvey } from '../doctor/backlog-checks.ts';
import { allMigrations } from '../frame/all-migrations.ts';
import { type NamedExecutor, scanStalled } from '../scans/scan-outbox.ts';
import { gapItems, haltedItems, parkedItems, pausedItems } from './consumer-items.ts';
import type { AttentionItem } from './item.ts';
import {
  breakerItems,
  journalItems,
  pauseItems,
  reconcilerItems,
  relayItems,
  stalledItems,
  workerItems,
} from './items.ts';

/** The bounds after which something counts as late, in milliseconds. */
export interface AttentionBounds {
  readonly overdueMs: number;
  readonly stalledMs: number;
  /** Consumers that are gone for good, and whose rows remain. */
  readonly ignoredConsumers: readonly string[];
}

/** Calls that are due this long and have no worker are reported, in milliseconds: a worker starts within it. */
const UNCLAIMED_MS = 60_000;
/** The entries of journals that are named. */
const MOST_ENTRIES = 200;

/**
 * Reads what needs an operator in one database, by the functions of `doctor` and of the scans; it changes nothing.
 * `all`: the databases whose consumers may lag behind this one.
 */
export async function readAttention(
  one: NamedExecutor,
  all: readonly NamedExecutor[],
  bounds: AttentionBounds,
  now: number,
): Promise<readonly AttentionItem[]> {
  const { executor } = one;
  const missing = await missingMigrations(executor, allMigrations);
  if (missing.length > 0) return [migrationsItem(missing)];
  const kept = ({ consumer }: { readonly consumer: string }): boolean =>
    !bounds.ignoredConsumers.includes(consumer);
  const parts = await Promise.all([
    readable(async () => {
      const partitions = (await readOverview(executor, undefined)).filter(kept);
      return [...haltedItems(partitions), ...pausedItems(partitions)];
    }),
    readable(async () =>
      parkedItems((await groupParked(executor, { states: ['dead', 'waiting'] })).filter(kept)),
    ),
    readable(async () => gapItems((await readOpenGaps(executor)).filter(kept))),
    readable(() => readJournal(executor, bounds.overdueMs, now)),
    readable(async () => pauseItems(await readPauses(executor))),
    readable(async () => reconcilerItems(await readStatus(executor))),
    readable(async () => relayItems(await readSurvey(executor), await readHeld(executor), now)),
    readable(async () => stalledItems(await scanStalled(one, all, bounds.stalledMs, leftOut), now)),
  ]);
  return parts.flat();
}

async function readJournal(
  executor: Executor,
  overdueMs: number,
  now: number,
): Promise<readonly AttentionItem[]> {
  const unclaimed = await readUnclaimedWork(executor, { afterMs: UNCLAIMED_MS });
  const overdue = await readOverdueJournal(executor, { afterMs: overdueMs, limit: MOST_ENTRIES });
  return [
    ...journalItems(overdue, unclaimed, now),
    ...workerItems(unclaimed, now),
    ...breakerItems(await readBreakerWaits(executor), now),
  ];
}

function migrationsItem(missing: readonly string[]): AttentionItem {
  return {
    kind: 'migrations',
    severity: 'act',
    alarm: 'migrations_missing',
    text: `migrations are not applied: ${missing.join(', ')}`,
    since: null,
    next: 'converge migrate',
    about: {},
  };
}

/** Another database that cannot be read is named where it is read itself: here it must not hide what this one has. */
const leftOut = (): void => undefined;

/** A role with the rights of another duty is no fault of the service: what it may not read is left out. */
async function readable(read: () => Promise<readonly AttentionItem[]>): Promise<readonly AttentionItem[]> {
  try {
    return await read();
  } catch (error) {
    if (sqlState(error) === '42501') return [];
    throw error;
  }
}
