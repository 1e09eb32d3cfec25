import { executorOf } from '@convergekit/postgres';
import type { Service } from '@convergekit/core';
import { loopService, poll } from '@convergekit/core/engine';
import { pruneAudit } from './audit/audit-sql.ts';
import { ReconcileError } from './errors.ts';
import { leadOnce, resign } from './leader.ts';
import { logLoopFailure, type ReconcileOptions, resolveOptions } from './options.ts';
import type { Reconciler } from './reconciler.ts';
import { watchKeys, WATCH_MS } from './watch.ts';
import { sweepUnled } from './runs/unled-run.ts';
import { forgetRuns } from './runs/run-sql.ts';
import { requireResumed } from './runs/pause-sql.ts';
import { type Counts, drain, type WorkersOptions } from './workers.ts';

export interface RunCounts {
  /** Number of keys that the scan listed. */
  readonly keys: number;
  /** Number of keys that the scan compared by itself and did not list. */
  readonly compared: number;
  /** Number of chunks that the scan could not answer: those keys are not known to agree. */
  readonly unknown: number;
  /** Number of runs of keys, by outcome. */
  readonly outcomes: Counts;
}

export interface ReconcilerService extends Service {
  /** Sweeps every reconciler now, whatever its schedule, and processes due keys until none is left. */
  runOnce(): Promise<ReadonlyMap<string, RunCounts>>;
  /** The last error of each reconciler's loops, for a readiness check; ok once they succeed again. */
  checks(): Readonly<Record<string, LoopCheck>>;
}

/** Runs reconcilers: schedules (one process leads, by lease) and workers (all processes share the keys). */
export function reconcilerService(
  reconcilers: readonly Reconciler[],
  options: ReconcileOptions,
): ReconcilerService {
  refuseSameNames(reconcilers);
  const each = reconcilers.map((reconciler) => ({
    ...resolveOptions(reconciler, options),
    faults: new LoopFaults(),
  }));
  const service = loopService({
    name: 'reconciler',
    prepare: () => Promise.all(each.map(({ databases }) => checkTables(databases.actual))),
    run: (signal) => Promise.all(each.map((one) => runLoops(one, signal, one.faults))),
  });
  return {
    ...service,
    async runOnce() {
      const counts = new Map<string, RunCounts>();
      for (const one of each) counts.set(one.reconciler.name, await sweepAndDrain(one));
      return counts;
    },
    checks: () => Object.fromEntries(each.map(({ reconciler, faults }) => [reconciler.name, faults.check()])),
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

/** Sweeps one reconciler now and processes its due keys until none is left. */
export function runReconciler(reconciler: Reconciler, options: ReconcileOptions): Promise<RunCounts> {
  return sweepAndDrain(resolveOptions(reconciler, options));
}

async function sweepAndDrain(options: WorkersOptions): Promise<RunCounts> {
  const { reconciler, databases, holder, log } = options;
  await requireResumed(executorOf(databases.actual), reconciler.name);
  const onUnknown = (reason: string): void =>
    log.warn({ reconciler: reconciler.name, reason }, 'a part of the keys could not be read');
  const swept = await sweepUnled({ reconciler, databases, holder, cause: 'once', actor: null, onUnknown });
  return {
    keys: swept?.keys ?? 0,
    compared: swept?.compared ?? 0,
    unknown: swept?.unknown ?? 0,
    outcomes: await drain(options),
  };
}

/** The number of runs of a reconciler that the history keeps. */
const KEPT_RUNS = 1_000;

/**
 * Processes due keys, leads the schedule if no other process does, and watches the queue. Ends when the signal aborts.
 */
async function runLoops(options: WorkersOptions, signal: AbortSignal, faults: LoopFaults): Promise<void> {
  const { reconciler, databases, auditMs, clock, pollMs, random } = options;
  // A failure, such as a lost database, is logged, and the loop continues with backoff.
  const loop = (name: string, everyMs: number, run: () => Promise<unknown>): Promise<void> =>
    poll({
      everyMs,
      signal,
      clock,
      random,
      run: async () => {
        await run();
        faults.succeeded(name);
      },
      onError: (error) => faults.failed(name, logLoopFailure(options, error)),
    });
  await Promise.all([
    loop('keys', pollMs, () => drain(options, signal)),
    loop('schedule', pollMs, () => leadOnce(options, signal)).then(() =>
      resign(options).catch(() => undefined),
    ), // otherwise the lease expires
    loop('watch', WATCH_MS, async () => {
      await watchKeys(options);
      const executor = executorOf(databases.actual);
      await forgetRuns(executor, reconciler.name, KEPT_RUNS);
      await pruneAudit(executor, auditMs, signal);
    }),
  ]);
}

async function checkTables(actual: WorkersOptions['databases']['actual']): Promise<void> {
  await executorOf(actual).query('select 1 from converge.reconcile_key limit 0');
}

/** A check for readiness. */
interface LoopCheck {
  readonly ok: boolean;
  readonly detail?: string;
}

/** The last error of each loop of a reconciler, until that loop succeeds again. */
class LoopFaults {
  readonly #faults = new Map<string, string>();

  failed(loop: string, detail: string): void {
    this.#faults.set(loop, detail);
  }

  succeeded(loop: string): void {
    this.#faults.delete(loop);
  }

  check(): LoopCheck {
    const [detail] = this.#faults.values();
    return detail === undefined ? { ok: true } : { ok: false, detail };
  }
}
