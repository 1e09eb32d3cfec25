import { alarmDefinitions, groupParked, readOpenGaps, readOverview } from '@convergekit/inbox/operate';
import { scanStalled } from '../scans/scan-outbox.ts';
import { type Check, type DatabaseCheck, isKept } from './checks.ts';
import { conditionsOfEngine, type Condition } from './condition.ts';
import {
  gapItems,
  haltedItems,
  parkedItems,
  pausedItems,
  stalledItems,
  waitItems,
} from './consumer-items.ts';

const partitions: DatabaseCheck = {
  name: 'partitions',
  sound: 'none is halted, is paused or waits for long',
  find: async ({ one: { executor }, bounds, now }) => {
    const kept = (await readOverview(executor, undefined)).filter(isKept(bounds));
    return [...haltedItems(kept), ...waitItems(kept, now), ...pausedItems(kept, now)];
  },
};

const parked: DatabaseCheck = {
  name: 'parked',
  sound: 'no event is parked',
  find: async ({ one: { executor }, bounds }) =>
    parkedItems((await groupParked(executor, { states: ['dead', 'waiting'] })).filter(isKept(bounds))),
};

const gaps: DatabaseCheck = {
  name: 'gaps',
  sound: 'no consumer lacks events',
  find: async ({ one: { executor }, bounds }) =>
    gapItems((await readOpenGaps(executor)).filter(isKept(bounds))),
};

const lag: DatabaseCheck = {
  name: 'lag',
  sound: 'no event that was sent long ago waits for a consumer of this database',
  find: async ({ one, all, bounds, now }) =>
    // Another database that cannot be read is named where it is read itself.
    stalledItems(await scanStalled(one, all, bounds.stalledMs, () => undefined), now).filter(({ about }) =>
      isKept(bounds)(about),
    ),
};

/** What the broker alone knows. */
export const groups: Check = {
  name: 'processes',
  sound: 'each consumer with records to read has one, and reads all partitions alike',
};

/** What a consumer meets at a single event, and who is to know. A partition that waits or halts wakes an operator. */
const PAGES: Readonly<Record<string, Condition['page']>> = {
  structural: 'now',
  bug_waits: 'now',
  operator_paused: 'today',
  fence_held: 'log',
} satisfies Partial<Record<keyof typeof alarmDefinitions, Condition['page']>>;

/** What stays parked is found there. */
const PARKED: ReadonlySet<string> = new Set<keyof typeof alarmDefinitions>([
  'structural',
  'data',
  'bug',
  'exhausted',
]);

/** The alarms that a consumer raises, with the kind of each. */
export const inboxConditions: readonly Condition[] = conditionsOfEngine(
  'consumer',
  alarmDefinitions,
  (name, { kind }) => ({
    page: PAGES[name] ?? (kind === 'event' ? 'today' : 'now'),
    more: kind,
    found: kind === 'event' ? (PARKED.has(name) ? [parked] : 'the log of the consumer, once') : [partitions],
  }),
);

/** The conditions of consumers. Each is found in a database, or logged by the engine of that name. */
export const consumerConditions: readonly Condition[] = [
  {
    name: 'events_stalled',
    noun: 'consumer',
    found: [lag],
    page: 'now',
    means: 'A consumer has not handled an event that was sent longer than `scans.stalledMs` (10 min) ago',
    next: '`converge consumers list <consumer>`: is it halted, is its process there, how large is its lag?',
  },
  {
    name: 'consumer_behind',
    noun: 'consumer',
    found: [partitions],
    page: 'now',
    means:
      'A consumer runs, and has not handled a record that was written more than ten minutes ago, of any producer',
    next: '`converge consumers list <consumer>`: is it too slow for what comes, or does one key take all its time?',
  },
  {
    name: 'consumer_gone',
    noun: 'consumer',
    found: [groups],
    page: 'now',
    means: 'A consumer has had a record to read for 30 s, and no process of it is in its group',
    next: 'start its process; one that runs says in its log why the broker refuses it; `converge consumers list <consumer>` shows how far it is behind',
  },
  {
    name: 'events_lost',
    noun: 'consumer',
    found: [gaps],
    page: 'now',
    means:
      'A consumer passed events without having them: an open gap. The line names the reconcilers that got its keys',
    next: '`converge consumers fill <consumer> --database <URL> --reason "…"` while the source keeps the events; else `keys.gaps` of a reconciler, or `converge reconcile run <name> --now`',
  },
  {
    name: 'partition_hot',
    noun: 'consumer',
    found: [groups],
    page: 'log',
    means:
      'A partition of a consumer that runs has a thousand records to read and ten times those of any other of its topic, the oldest for a minute',
    next: '`converge consumers list <consumer>`; give the event a key with more values, or make its handler faster: `slice` and `batch` handlers take many at once',
  },
  {
    name: 'onfailure_unknown',
    noun: 'consumer',
    found: [groups],
    page: 'log',
    means:
      'A consumer handles the failures of one that neither runs nor ever failed: its name may be wrong. In `converge doctor` alone',
    next: 'correct the name in `onFailure(…)`, or start the service that runs it',
  },
];
