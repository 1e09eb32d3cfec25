import { alarmDefinitions } from '@convergekit/inbox/operate';
import { conditionsOfEngine, type Condition } from './condition.ts';

/** What a consumer meets at a single event, and who is to know. A partition that waits or halts wakes an operator. */
const PAGES: Readonly<Record<string, Condition['page']>> = {
  structural: 'now',
  bug_waits: 'now',
  operator_paused: 'today',
  fence_held: 'log',
} satisfies Partial<Record<keyof typeof alarmDefinitions, Condition['page']>>;

/** The alarms that a consumer raises, with the kind of each. */
export const inboxConditions: readonly Condition[] = conditionsOfEngine(
  'consumer',
  alarmDefinitions,
  (name, { kind }) => ({ page: PAGES[name] ?? (kind === 'event' ? 'today' : 'now'), more: kind }),
);

/** The conditions of consumers. Each is found in a database, or logged by the engine of that name. */
export const consumerConditions: readonly Condition[] = [
  {
    name: 'events_stalled',
    noun: 'consumer',
    page: 'now',
    means: 'A consumer has not handled an event that was sent longer than `scans.stalledMs` (10 min) ago',
    next: '`converge consumers list <consumer>`: is it halted, is its process there, how large is its lag?',
  },
  {
    name: 'consumer_behind',
    noun: 'consumer',
    page: 'now',
    means:
      'A consumer runs, and has not handled a record that was written more than ten minutes ago, of any producer',
    next: '`converge consumers list <consumer>`: is it too slow for what comes, or does one key take all its time?',
  },
  {
    name: 'consumer_gone',
    noun: 'consumer',
    page: 'now',
    means: 'A consumer has had a record to read for 30 s, and no process of it is in its group',
    next: 'start its process; one that runs says in its log why the broker refuses it; `converge consumers list <consumer>` shows how far it is behind',
  },
  {
    name: 'events_lost',
    noun: 'consumer',
    page: 'now',
    means:
      'A consumer passed events without having them: an open gap. The line names the reconcilers that got its keys',
    next: '`converge consumers fill <consumer> --database <URL> --reason "…"` while the source keeps the events; else `keys.gaps` of a reconciler, or `converge reconcile run <name> --now`',
  },
];
