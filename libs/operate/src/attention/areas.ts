import { failureTopic } from '@convergekit/contracts';
import { groupParked, readOpenGaps, readOverview } from '@convergekit/inbox/operate';
import { sqlState } from '@convergekit/postgres/engine';
import { missingMigrations } from '@convergekit/postgres/operate';
import { readLateKeys, readStatus } from '@convergekit/reconcile/operate';
import { readLeaderless, readOutbox } from '@convergekit/relay/operate';
import {
  readLateCalls,
  readLateInstances,
  readOverdueJournal,
  readPauses,
  readUnclaimedWork,
} from '@convergekit/saga/operate';
import { heldTopics } from '../doctor/backlog-checks.ts';
import { allMigrations } from '../all-migrations.ts';
import { type NamedExecutor, scanStalled } from '../scans/scan-outbox.ts';
import { gapItems, haltedItems, parkedItems, pausedItems, waitItems } from './consumer-items.ts';
import { readDatabaseTime } from './database-time.ts';
import type { AttentionItem, FoundCondition } from './item.ts';
import {
  journalItems,
  lateKeyItems,
  reconcilerItems,
  relayItems,
  stalledItems,
  workerItems,
} from './items.ts';
import { lockItems, readLockHolders } from './key-locks.ts';
import { relayGoneItems } from './relay-gone.ts';
import { readServer, serverItems } from './server-items.ts';
import { lateCallItems, lateSagaItems, MOST_PAUSES, pauseItems } from './saga-items.ts';

/** The bounds after which something counts as late, in milliseconds. */
export interface AttentionBounds {
  readonly overdueMs: number;
  readonly stalledMs: number;
  /** Consumers that are gone for good, and whose rows remain. */
  readonly ignoredConsumers: readonly string[];
}

/** The database that is examined, and what counts as late. */
export interface Examination {
  readonly one: NamedExecutor;
  /** The databases whose consumers may lag behind this one. */
  readonly all: readonly NamedExecutor[];
  readonly bounds: AttentionBounds;
}

/** An examination at a time of the database's own clock: that of the process may be another. */
interface Dated extends Examination {
  readonly now: number;
}

interface Found {
  readonly conditions: readonly FoundCondition[];
  /** The doctor's line where nothing is wrong. */
  readonly sound: string;
  /** The topics that the consumers of the database read. */
  readonly topics?: readonly string[];
}

/** One kind of condition: its query, and what the rows mean. */
export interface Area {
  readonly name: string;
  readonly find: (of: Dated) => Promise<Found>;
}

/** Calls that are due this long and have no worker are reported, in milliseconds: a worker starts within it. */
const UNCLAIMED_MS = 60_000;
/** The entries of journals that are named. */
const MOST_ENTRIES = 200;

/** Makes an area of which the doctor says the same, whenever it finds nothing. */
function area(
  name: string,
  sound: string,
  conditionsOf: (of: Dated) => Promise<readonly FoundCondition[]>,
): Area {
  return { name, find: async (of) => ({ conditions: await conditionsOf(of), sound }) };
}

/**
 * What can be wrong in the database of a service, in one list: `converge doctor` and the console's home page read it, and
 * neither changes anything.
 */
export const areas: readonly Area[] = [
  area('alarms', 'none that can be seen from here', async ({ one: { executor }, now }) => {
    const outbox = await readOutbox(executor);
    const { oldestMs } = outbox;
    return [
      ...relayGoneItems(await readLeaderless(executor), { oldestMs, now }),
      ...relayItems(outbox, heldTopics(outbox), now),
    ];
  }),
  area('locks', 'no session holds locks of the kit for long', async ({ one: { executor } }) =>
    lockItems(await readLockHolders(executor)),
  ),
  {
    name: 'consumers',
    find: async ({ one: { executor }, bounds, now }) => {
      const partitions = (await readOverview(executor, undefined)).filter(isKept(bounds));
      const consumers = [...new Set(partitions.map(({ consumer }) => consumer))];
      return {
        conditions: [
          ...haltedItems(partitions),
          ...waitItems(partitions, now),
          ...pausedItems(partitions, now),
        ],
        sound: consumers.length === 0 ? 'none has started here' : consumers.join(', '),
        topics: [...partitions.map(({ topic }) => topic), ...consumers.map(failureTopic)],
      };
    },
  },
  area('parked', 'no event is parked', async ({ one: { executor }, bounds }) =>
    parkedItems((await groupParked(executor, { states: ['dead', 'waiting'] })).filter(isKept(bounds))),
  ),
  area('gaps', 'no consumer lacks events', async ({ one: { executor }, bounds }) =>
    gapItems((await readOpenGaps(executor)).filter(isKept(bounds))),
  ),
  area('lag', 'no event that was sent long ago waits for a consumer of this database', async (of) =>
    stalledItems(await scanStalled(of.one, of.all, of.bounds.stalledMs, leftOut), of.now).filter(
      ({ about }) => isKept(of.bounds)(about),
    ),
  ),
  area('sagas', 'no observer of this database sees a saga that is expired or stuck', async ({ one }) =>
    lateSagaItems(await readLateInstances(one.executor)),
  ),
  area(
    'steps',
    'no step, call or workflow is stuck or overdue',
    async ({ one: { executor }, bounds, now }) => {
      const unclaimed = await readUnclaimedWork(executor, { afterMs: UNCLAIMED_MS });
      const overdue = await readOverdueJournal(executor, {
        afterMs: bounds.overdueMs,
        limit: MOST_ENTRIES,
      });
      return journalItems(overdue, unclaimed, now);
    },
  ),
  area('paused sagas', 'none', async ({ one: { executor }, now }) =>
    pauseItems(await readPauses(executor, { limit: MOST_PAUSES }), now),
  ),
  area('workers', 'no call has waited for long', async ({ one: { executor }, bounds, now }) => {
    const unclaimed = await readUnclaimedWork(executor, { afterMs: UNCLAIMED_MS });
    const late = await readLateCalls(executor, { idleMs: bounds.overdueMs });
    const without = new Set(unclaimed.map(({ call }) => call));
    return [
      ...workerItems(unclaimed, now),
      ...lateCallItems(
        late.filter(({ call }) => !without.has(call)),
        now,
      ),
    ];
  }),
  {
    name: 'reconcilers',
    find: async ({ one: { executor }, bounds }) => {
      const statuses = await readStatus(executor);
      const paused = statuses.filter((one) => one.paused !== null).length;
      const names = statuses.map(({ name }) => name).join(', ');
      return {
        conditions: [
          ...reconcilerItems(statuses),
          ...lateKeyItems(await readLateKeys(executor, bounds.overdueMs)),
        ],
        sound: statuses.length === 0 ? 'none has run here' : `${names}; ${paused} paused`,
      };
    },
  },
];

const isKept =
  ({ ignoredConsumers }: AttentionBounds) =>
  ({ consumer = '' }: { readonly consumer?: string | undefined }): boolean =>
    !ignoredConsumers.includes(consumer);

/** Another database that cannot be read is named where it is read itself: here it must not hide what this one has. */
const leftOut = (): void => undefined;

/** Adds the time of the database to an examination. */
export async function dated(of: Examination): Promise<Dated> {
  return { ...of, now: await readDatabaseTime(of.one.executor) };
}

/** Examines an area; undefined where the role may not read its tables: the rights of another duty are no fault. */
export async function examine({ find }: Area, of: Dated): Promise<Found | undefined> {
  try {
    return await find(of);
  } catch (error) {
    if (sqlState(error) === '42501') return undefined;
    throw error;
  }
}

/** What needs an operator in one database, and the areas that its login may not read: of those nothing is known. */
export interface Attention {
  readonly items: readonly AttentionItem[];
  readonly unchecked: readonly string[];
}

/**
 * Reads what needs an operator in one database; it changes nothing.
 * `all`: the databases whose consumers may lag behind this one.
 */
export async function readAttention(
  one: NamedExecutor,
  all: readonly NamedExecutor[],
  bounds: AttentionBounds,
): Promise<Attention> {
  const state = await readServer(one.executor);
  const server = serverItems(state);
  if (state.waitingCommits > 0) return { items: server, unchecked: [] };
  const missing = await missingMigrations(one.executor, allMigrations);
  if (missing.length > 0) return { items: [...server, migrationsItem(missing)], unchecked: [] };
  const of = await dated({ one, all, bounds });
  const found = await Promise.all(areas.map((each) => examine(each, of)));
  return {
    items: [...server, ...found.flatMap((each) => each?.conditions ?? []).filter(isItem)],
    unchecked: areas.flatMap(({ name }, index) => (found[index] === undefined ? [name] : [])),
  };
}

/** True for what needs an operator or is late; a note is a line of the doctor. */
export const isItem = <One extends FoundCondition>(one: One): one is One & AttentionItem =>
  one.severity !== 'note';

/** Describes migrations that are not applied (pure): nothing else can be read. */
export function migrationsItem(missing: readonly string[]): AttentionItem {
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
