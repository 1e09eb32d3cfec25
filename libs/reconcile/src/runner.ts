import { executorOf } from '@convergekit/postgres';
import { poll } from '@convergekit/core/engine';
import { writeCounters } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import { pruneAudit } from './audit/audit-sql.ts';
import { rescheduleKeys } from './key-queue.ts';
import { leadOnce, resign } from './runs/leader.ts';
import { requireResumed } from './runs/pause-sql.ts';
import { forgetRuns } from './runs/run-sql.ts';
import { sweepUnled } from './runs/unled-run.ts';
import { failureText } from './verdict/verdict.ts';
import { WATCH_MS, watchKeys } from './watch.ts';
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

/** Sweeps a reconciler now and processes its due keys until none is left. */
export async function sweepAndDrain(options: WorkersOptions): Promise<RunCounts> {
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
export async function runLoops(
  options: WorkersOptions,
  signal: AbortSignal,
  faults: Map<string, string>,
): Promise<void> {
  const { reconciler, databases, auditMs, clock, pollMs, random, counter, log } = options;
  // A failure, such as a lost database, is logged, and the loop continues with backoff.
  const loop = (name: string, everyMs: number, run: () => Promise<unknown>): Promise<void> =>
    poll({
      everyMs,
      signal,
      clock,
      random,
      run: async () => {
        await run();
        faults.delete(name);
      },
      onError: (error) => faults.set(name, logLoopFailure(options, error)),
    });
  const executor = executorOf(databases.actual);
  await Promise.all([
    writeCounters({
      executor,
      take: () => [counter.take()],
      clock,
      random,
      signal,
      onError: (error) => log.debug({ err: error }, 'the counts for the charts could not be written'),
    }),
    loop('keys', pollMs, () => drain(options, signal)),
    loop('schedule', pollMs, () => leadOnce(options, signal)).then(() =>
      resign(options).catch(() => undefined),
    ), // otherwise the lease expires
    loop('watch', WATCH_MS, async () => {
      await watchKeys(options);
      await rescheduleKeys(executor, reconciler.name);
      await forgetRuns(executor, reconciler.name, KEPT_RUNS);
      await pruneAudit(executor, auditMs, signal);
    }),
  ]);
}

/** Rejects when a database lacks the tables of reconcilers. */
export async function checkTables(actual: WorkersOptions['databases']['actual']): Promise<void> {
  await executorOf(actual).query('select 1 from converge.reconcile_key limit 0');
}

/** Logs a failure of a loop itself in one line, such as a lost database. Returns what it says. */
function logLoopFailure({ log, reconciler }: WorkersOptions, error: unknown): string {
  const failure = classify(error);
  const { category, code, message } = failure;
  log.error({ reconciler: reconciler.name, category, code }, message);
  return failureText(failure);
}
