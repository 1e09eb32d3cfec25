import type { Service } from '@convergekit/core';
import { loopService } from '@convergekit/core/engine';
import { ReconcileError } from './errors.ts';
import { type ReconcileOptions, resolveOptions } from './options.ts';
import type { Reconciler } from './reconciler.ts';
import type { RunCounts } from './runner.ts';

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
