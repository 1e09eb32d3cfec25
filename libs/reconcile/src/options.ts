import { hostname } from 'node:os';
import { type Clock, endsWithin, newUuidV7, type Random, systemClock, systemRandom } from '@convergekit/core';
import { logger, type Logger } from '@convergekit/telemetry';
import type { Kysely } from 'kysely';
import { ReconcileError } from './errors.ts';
import type { Reconciler } from './reconciler.ts';
import type { WorkersOptions } from './workers.ts';

/**
 * The databases of a process by name, with any tables. A reconciler knows the tables of those that it names.
 * Use separate connections with a statement timeout, so that reconciling does not slow the critical path.
 */
export type NamedDatabases = Readonly<
  Record<string, { readonly db: Pick<Kysely<unknown>, 'isTransaction' | 'destroy'> }>
>;

export interface ReconcileOptions {
  /** The databases by the names in `desired.in` and `actual.in`. */
  readonly databases: NamedDatabases;
  /** Holder of leases, unique to this process. @default host name and a UUID */
  readonly holder?: string;
  /** The author of repairs, for the audit. @default 'reconciler <holder>' */
  readonly actor?: string;
  /** Number of concurrent keys of one reconciler. @default 4 */
  readonly workers?: number;
  /** The lease of a worker or leader, in milliseconds; a silent holder then counts as dead. @default 30_000 */
  readonly leaseMs?: number;
  /** Polling interval for due keys and due runs, in milliseconds. @default 500 */
  readonly pollMs?: number;
  /** The time keys may be due, or wait for events, before the alarm `reconcile_keys_late`. In milliseconds. @default 900_000 */
  readonly lateMs?: number;
  /** The time that audit rows are kept, in milliseconds; a day at least. @default 90 days */
  readonly auditMs?: number;
  /** The clock of leases, waits and schedules; a test gives a manual one. @default the system's */
  readonly clock?: Clock;
  /** Random numbers for jitter; a test gives seeded ones. @default Math.random */
  readonly random?: Random;
  /** The log of runs, drift and repairs. @default the kit's logger `reconcile` */
  readonly log?: Logger;
}

/** Spells a name as its variable does: no shell takes a dash or a dot. */
const spelled = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();

/** Resolves defaults and database names. Throws DATABASE_UNKNOWN. */
export function resolveOptions(reconciler: Reconciler, options: ReconcileOptions): WorkersOptions {
  const holder = options.holder ?? `${hostname()}/${newUuidV7()}`;
  const find = (name: string): Kysely<unknown> => {
    const found = options.databases[name];
    if (found !== undefined) return found.db as unknown as Kysely<unknown>;
    const known = Object.keys(options.databases).join(', ') || 'none';
    throw new ReconcileError(
      `reconciler ${reconciler.name} reads database ${JSON.stringify(name)}, and the process has: ${known}. Name it in the settings (CONVERGE__DATABASES__${spelled(name)}=postgres://…)`,
      { code: 'DATABASE_UNKNOWN', category: 'configuration' },
    );
  };
  const clock = options.clock ?? systemClock;
  return {
    reconciler: withBoundedReads(reconciler, clock),
    databases: { desired: find(reconciler.desired.in), actual: find(reconciler.actual.in) },
    holder,
    actor: options.actor ?? `reconciler ${holder}`,
    workers: options.workers ?? 4,
    leaseMs: options.leaseMs ?? 30_000,
    pollMs: options.pollMs ?? 500,
    lateMs: options.lateMs ?? 900_000,
    auditMs: options.auditMs ?? 90 * 86_400_000,
    clock,
    random: options.random ?? systemRandom,
    log: options.log ?? logger('reconcile'),
  };
}

/**
 * Bounds each read of a side: one that hangs, in a database or at another company, ends as a failure of its key, and does not
 * keep its worker. The abandoned read ends by the statement timeout of its connection.
 */
function withBoundedReads(reconciler: Reconciler, clock: Clock): Reconciler {
  const { desired, actual, timing, name } = reconciler;
  const bound = async <T>(side: string, key: string, reading: Promise<T>): Promise<T> => {
    if (await endsWithin(reading, timing.readMs, clock)) return reading;
    throw timedOut(name, side, key, timing.readMs);
  };
  return {
    ...reconciler,
    desired: { ...desired, read: (key, db) => bound(desired.in, key, desired.read(key, db)) },
    actual: { ...actual, read: (key, db) => bound(actual.in, key, actual.read(key, db)) },
  };
}

function timedOut(name: string, side: string, key: string, ms: number): ReconcileError {
  return new ReconcileError(
    `reading key ${key} from ${side} for ${name} took longer than ${ms} ms: the key is retried, others continue; look for locks and a missing index there, or raise timing.readMs`,
    { code: 'READ_TIMEOUT', category: 'service' },
  );
}
