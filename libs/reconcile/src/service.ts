import { hostname } from 'node:os';
import {
  type Clock,
  endsWithin,
  newUuidV7,
  type Random,
  type Service,
  systemClock,
  systemRandom,
} from '@convergekit/core';
import { Counter } from '@convergekit/postgres/engine';
import { logger, type Logger } from '@convergekit/telemetry';
import type { Kysely } from 'kysely';
import { ReconcileError } from './errors.ts';
import type { Reconciler } from './reconciler.ts';
import type { WorkersOptions } from './workers.ts';
import { loopService } from '@convergekit/core/engine';
import type { RunCounts } from './runner.ts';

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
    counter: new Counter('reconciler', reconciler.name),
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

export interface ReconcilerService extends Service {
  /** Sweeps every reconciler now, whatever its schedule, and processes due keys until none is left. */
  runOnce(): Promise<ReadonlyMap<string, RunCounts>>;
  /** The last error of each reconciler's loops, for a readiness check; ok once they succeed again. */
  checks(): Readonly<Record<string, LoopCheck>>;
}

/** Loads the runner at its first use: services that only declare reconcilers and report keys do without its modules. */
const runner = () => import('./runner.ts');

/**
 * Runs reconcilers: schedules (one process leads, by lease) and workers (all processes share the keys).
 * @example
 * ```ts
 * import { connect } from 'convergekit/postgres';
 * import { reconcilerService, runServices } from 'convergekit/process';
 * import { database, stock } from './shop.ts';
 *
 * // By the names of `from(…)`.
 * const databases = { shop: database, orders: connect({ url: process.env['ORDERS_URL'] }) };
 * await runServices([reconcilerService([stock], { databases })]);
 * ```
 */
export function reconcilerService(
  reconcilers: readonly Reconciler[],
  options: ReconcileOptions,
): ReconcilerService {
  refuseSameNames(reconcilers);
  const each = reconcilers.map((reconciler) => ({
    ...resolveOptions(reconciler, options),
    /** The last error of each loop, until that loop succeeds again. */
    faults: new Map<string, string>(),
  }));
  const service = loopService({
    name: 'reconciler',
    runsCode: true,
    prepare: async () => {
      const { checkTables } = await runner();
      await Promise.all(each.map(({ databases }) => checkTables(databases.actual)));
    },
    run: async (signal) => {
      const { runLoops } = await runner();
      await Promise.all(each.map((one) => runLoops(one, signal, one.faults)));
    },
  });
  return {
    ...service,
    async runOnce() {
      const { sweepAndDrain } = await runner();
      const counts = new Map<string, RunCounts>();
      for (const one of each) counts.set(one.reconciler.name, await sweepAndDrain(one));
      return counts;
    },
    checks: () =>
      Object.fromEntries(
        each.map(({ reconciler, faults }) => [reconciler.name, checkOf([...faults.values()])]),
      ),
  };
}

/** Two of one name would claim each other's keys, and repair them by the other one's rules. */
function refuseSameNames(reconcilers: readonly Reconciler[]): void {
  const names = reconcilers.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new ReconcileError(
    `two reconcilers are named ${twice}: they would share one queue, and each would repair the other's keys; rename one`,
    { code: 'RECONCILER_INVALID', category: 'configuration' },
  );
}

/**
 * Sweeps one reconciler now and processes its due keys until none is left.
 * @example
 * ```ts
 * import { connect } from 'convergekit/postgres';
 * import { runReconciler } from 'convergekit/process';
 * import { database, stock } from './shop.ts';
 *
 * const databases = { shop: database, orders: connect({ url: process.env['ORDERS_URL'] }) };
 * const counts = await runReconciler(stock, { databases });
 * console.log(counts);
 * ```
 */
export async function runReconciler(reconciler: Reconciler, options: ReconcileOptions): Promise<RunCounts> {
  const resolved = resolveOptions(reconciler, options);
  return (await runner()).sweepAndDrain(resolved);
}

/** A check for readiness. */
interface LoopCheck {
  readonly ok: boolean;
  readonly detail?: string;
}

function checkOf([detail]: readonly string[]): LoopCheck {
  return detail === undefined ? { ok: true } : { ok: false, detail };
}
