import { executorOf } from '@convergekit/postgres';
import { classify } from '@convergekit/resilience';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import { isTransient } from '../decide.ts';
import { sweep } from './sweep.ts';
import { failureText } from '../verdict/verdict.ts';
import type { WorkersOptions } from '../workers.ts';
import { causeOf } from './cause.ts';
import { type Checkpoint, endRun, type Run, saveProgress } from './run-sql.ts';

/** A run of the schedule, and the place at which it continues. */
export interface LedRun extends Run {
  readonly from: Checkpoint | null;
}

/**
 * Sweeps for a run and records its end. Returns the number of queued keys; undefined if it was interrupted or failed.
 * An interrupted run, also one whose database is away, is continued at its checkpoint by the next leader.
 */
export async function makeRun(
  options: WorkersOptions,
  run: LedRun,
  held: AbortSignal,
): Promise<number | undefined> {
  const { reconciler, databases, holder, clock, log } = options;
  const executor = executorOf(databases.actual);
  const mine = { id: run.id, holder };
  const labels = { [attributeNames.reconciler]: reconciler.name };
  const began = clock.monotonic();
  const end = async (
    state: 'completed' | 'interrupted' | 'failed',
    reason: string | null = null,
  ): Promise<void> => {
    await endRun(executor, mine, { state, reason });
    instruments().reconcileRuns.add(1, { ...labels, [attributeNames.outcome]: state });
    instruments().reconcileRunDuration.recordMs(clock.monotonic() - began, labels);
  };
  try {
    const swept = await sweep({
      reconciler,
      databases,
      from: run.from,
      startedAt: run.startedAt,
      cause: causeOf(run),
      background: run.cause === 'schedule',
      save: async (progress) => (await saveProgress(executor, mine, progress)) && !held.aborted,
      onUnknown: (reason) => unknown(options, run, reason),
    });
    await end(swept === undefined ? 'interrupted' : 'completed');
    return swept?.keys;
  } catch (error) {
    const failure = classify(error);
    const reason = failureText(failure);
    if (isTransient(failure)) {
      await end('interrupted', reason);
      throw error; // the loop reports it, and continues the run after a backoff
    }
    await end('failed', reason);
    log.error(
      { alarm: 'reconcile_run_failed', reconciler: reconciler.name, run: run.id, reason },
      'a run ended by an error of its scan: not all keys were compared; fix the scan, then `converge reconcile run <name> --now`',
    );
    return undefined;
  }
}

function unknown({ reconciler, log }: WorkersOptions, run: Run, reason: string): void {
  log.warn(
    { alarm: 'reconcile_unknown', reconciler: reconciler.name, run: run.id, reason },
    'a part of the keys could not be read: it is not known to agree',
  );
}
