import type { CheckName } from '../conditions/checks.ts';

/** The verdict of a check: sound, worth a look, to be fixed, or not examined. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'skip';

/** What the doctor alone looks at, with the reason why home does not. */
export const doctorAlone = {
  postgres: 'home names a database that it cannot read above its list',
  'postgres version': 'it changes with an upgrade alone',
  synchronous_commit: 'a setting of the server, looked at before a service starts',
  fsync: 'a setting of the server, looked at before a service starts',
  pooler: 'it is a fact, and never wrong',
  clock: 'it is about the machine of the command',
  migrations: 'a newer version is rolled out, which is no fault of the database',
  permissions: 'it is about the login of the command',
  outbox: 'a size; the relay has alarms for what follows from it',
  'outbox limit': 'a fact; `outbox_filling` is on home',
  bloat: 'a size; it costs time and holds nothing back',
  relay: 'a fact; `relay_gone` is on home',
  backlog: 'a fact; `events_late` is on home',
  'long transactions': 'from a minute on; `retention_held_back` is on home from ten minutes on',
  'replication slot': 'it costs disk, and its server has alarms for that',
  consumers: 'a fact',
  reconcilers: 'a fact',
  kafka: 'home names a broker that it cannot read above its list',
  'local log': 'home names a broker that it cannot read above its list',
} as const;

/** The finding of a check, and the next step. */
export interface Finding {
  /** The name of the database, where several are examined. */
  readonly database?: string;
  /** A condition, the check that would find it, a topic, or what the doctor alone looks at. */
  readonly check: keyof typeof doctorAlone | CheckName | `alarm ${string}` | `topic ${string}`;
  readonly verdict: Verdict;
  readonly text: string;
  readonly next?: string;
}
