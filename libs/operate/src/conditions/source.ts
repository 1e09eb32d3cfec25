import { alarmDefinitions } from '@convergekit/relay/operate';
import { conditionsOfEngine, type Condition } from './condition.ts';

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

/** The alarms that a relay raises, with the delay of each. */
export const relayConditions: readonly Condition[] = conditionsOfEngine(
  'source',
  alarmDefinitions,
  (name, { afterMs }) => ({
    page: PUBLISHING.has(name) ? 'today' : 'now',
    more: `${afterMs / 1_000} s`,
  }),
);

/** The conditions of outboxes, their relays and the servers of both. Each is found in a database, or logged by the engine of that name. */
export const sourceConditions: readonly Condition[] = [
  {
    name: 'relay_gone',
    noun: 'source',
    page: 'now',
    means:
      'No relay leads an outbox: nothing is published. The line has what the catalog knows of its login: gone, not allowed, its password ended, or sound and without a session',
    next: 'the command in the line; with a sound login, start `converge relay`, or read why it does not lead in its log and at /readyz',
  },
  {
    name: 'server_is_standby',
    noun: 'source',
    page: 'log',
    means:
      'The server of this address is a standby, which takes no writes. On home and in `converge doctor` alone',
    next: 'set the address of this database to the primary, or promote this server',
  },
  {
    name: 'locks_held',
    noun: 'source',
    page: 'log',
    means:
      "A session has held locks by which emits take turns for a minute, or another has waited for them for 5 s. `converge doctor` and the console's home page show it, with its pid, login and application",
    next: 'end it in its application, or `select pg_terminate_backend(<pid>)` as a superuser, a member of its login or of `pg_signal_backend`',
  },
  {
    name: 'migrations_missing',
    noun: 'source',
    page: 'log',
    means:
      'A database lacks migrations of this version: nothing else of it is read. On home and in `converge doctor` alone',
    next: '`converge migrate`',
  },
];
