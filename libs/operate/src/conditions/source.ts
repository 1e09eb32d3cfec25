import { missingMigrations } from '@convergekit/postgres/operate';
import { alarmDefinitions, readLeaderless, readOutbox } from '@convergekit/relay/operate';
import { allMigrations } from '../all-migrations.ts';
import type { DatabaseCheck } from './checks.ts';
import { conditionsOfEngine, type Condition } from './condition.ts';
import { lockItems, readLockHolders } from './key-locks.ts';
import { relayGoneItems } from './relay-gone.ts';
import { heldTopics, relayItems } from './relay-items.ts';
import { readServer, serverItems } from './server-items.ts';

/** The state of the server, whatever its tables hold. */
export const server: DatabaseCheck = {
  name: 'server',
  sound: 'it takes writes',
  find: async ({ one }) => serverItems(await readServer(one.executor)),
};

/** The tables of this version. */
export const migrations: DatabaseCheck = {
  name: 'migrations',
  sound: 'all of this version are applied',
  find: async ({ one }) => migrationItems(await missingMigrations(one.executor, allMigrations)),
};

const relay: DatabaseCheck = {
  name: 'relay alarms',
  sound: 'none that can be seen from here',
  find: async ({ one: { executor }, now }) => {
    const outbox = await readOutbox(executor);
    const { oldestMs } = outbox;
    return [
      ...relayGoneItems(await readLeaderless(executor), { oldestMs, now }),
      ...relayItems(outbox, heldTopics(outbox), now),
    ];
  },
};

const locks: DatabaseCheck = {
  name: 'locks',
  sound: 'no session holds locks of the kit for long',
  find: async ({ one }) => lockItems(await readLockHolders(one.executor)),
};

/** Describes migrations that are not applied (pure): nothing else can be read. */
function migrationItems(missing: readonly string[]) {
  if (missing.length === 0) return [];
  const text = `migrations are not applied: ${missing.join(', ')}`;
  const common = { severity: 'act', since: null, next: 'converge migrate', about: {} } as const;
  return [{ ...common, alarm: 'migrations_missing', text }];
}

/** The alarms of the relay while which events are published all the same. */
const PUBLISHING: ReadonlySet<string> = new Set<keyof typeof alarmDefinitions>([
  'lease_lost_repeatedly',
  'lease_margin_short',
  'clock_skewed',
  'tick_commit_warned',
  'record_forged',
  'retention_held_back',
  'no_child_ahead',
  'outbox_filling',
  'event_beyond_sequence',
]);

/** The alarms of the relay that its database does not show. */
const IN_PROCESS: ReadonlySet<string> = new Set<keyof typeof alarmDefinitions>([
  'broker_unreachable',
  'database_unreachable',
  'relay_cannot_lead',
  'leadership_failing',
  'lease_margin_short',
  'clock_skewed',
  'sequence_behind',
  'database_went_back',
  'database_moved',
  'log_behind_cursor',
  'record_forged',
  'relay_stalled',
]);
/** The alarms of the relay that the server shows. */
const OF_SERVER: ReadonlySet<string> = new Set<keyof typeof alarmDefinitions>([
  'commits_wait',
  'tick_commit_warned',
]);

/** The alarms that a relay raises, with the delay of each. */
export const relayConditions: readonly Condition[] = conditionsOfEngine(
  'source',
  alarmDefinitions,
  (name, { afterMs }) => ({
    page: PUBLISHING.has(name) ? 'today' : 'now',
    found: IN_PROCESS.has(name)
      ? 'its log, /readyz and /metrics: home says that no relay leads where it does not'
      : [OF_SERVER.has(name) ? server : relay],
    more: `${afterMs / 1_000} s`,
  }),
);

/** The conditions of outboxes, their relays and the servers of both. Each is found in a database, or logged by the engine of that name. */
export const sourceConditions: readonly Condition[] = [
  {
    name: 'relay_gone',
    noun: 'source',
    found: [relay],
    page: 'now',
    means:
      'No relay leads an outbox: nothing is published. The line has what the catalog knows of its login: gone, not allowed, its password ended, or sound and without a session',
    next: 'the command in the line; with a sound login, start `converge relay`, or read why it does not lead in its log and at /readyz',
  },
  {
    name: 'server_is_standby',
    noun: 'source',
    found: [server],
    page: 'log',
    means:
      'The server of this address is a standby, which takes no writes. On home and in `converge doctor` alone',
    next: 'set the address of this database to the primary, or promote this server',
  },
  {
    name: 'locks_held',
    noun: 'source',
    found: [locks],
    page: 'log',
    means:
      "A session has held locks by which emits take turns for a minute, or another has waited for them for 5 s. `converge doctor` and the console's home page show it, with its pid, login and application",
    next: 'end it in its application, or `select pg_terminate_backend(<pid>)` as a superuser, a member of its login or of `pg_signal_backend`',
  },
  {
    name: 'migrations_missing',
    noun: 'source',
    found: [migrations],
    page: 'log',
    means:
      'A database lacks migrations of this version: nothing else of it is read. On home and in `converge doctor` alone',
    next: '`converge migrate`',
  },
];
