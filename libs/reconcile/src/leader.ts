import { acquireLease, releaseLease } from '@convergekit/postgres/engine';
import { executorOf } from '@convergekit/postgres';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import { queueGaps } from './gaps.ts';
import { isDue } from './schedule.ts';
import { sweep } from './sweep.ts';
import { readState } from './window.ts';
import type { WorkersOptions } from './workers.ts';

/** Returns the name of the lease for a reconciler's schedule: one process leads. */
export const leaseOf = (reconciler: string): string => `reconcile/${reconciler}`;

/**
 * Acquires or renews the lease of the schedule, and sweeps if a run is due.
 * Returns the number of queued keys; undefined if no sweep was made.
 */
export async function leadOnce(options: WorkersOptions, signal: AbortSignal): Promise<number | undefined> {
  const { reconciler, databases, holder, leaseMs, clock } = options;
  const executor = executorOf(databases.actual);
  const request = { name: leaseOf(reconciler.name), holder, ttlMs: leaseMs };
  const keep = async (): Promise<boolean> =>
    !signal.aborted && (await acquireLease(executor, request)).kind === 'acquired';
  if (!(await keep())) return undefined;
  await queueGaps({ reconciler, databases, goOn: keep });
  const { lastRunAt, now } = await readState(executor, reconciler.name);
  const labels = { [attributeNames.reconciler]: reconciler.name };
  if (lastRunAt !== null) instruments().reconcileAge.recordMs(now.getTime() - lastRunAt.getTime(), labels);
  if (!isDue(reconciler, lastRunAt, now)) return undefined;
  const began = clock.monotonic();
  const keys = await sweep({ reconciler, databases, cause: 'sweep', goOn: keep });
  const outcome = keys === undefined ? 'interrupted' : 'completed';
  instruments().reconcileRuns.add(1, { ...labels, [attributeNames.outcome]: outcome });
  instruments().reconcileRunDuration.recordMs(clock.monotonic() - began, labels);
  return keys;
}

/** Releases the lease, so that another process leads at once. */
export async function resign({ reconciler, databases, holder, leaseMs }: WorkersOptions): Promise<void> {
  const executor = executorOf(databases.actual);
  const name = leaseOf(reconciler.name);
  const { rows } = await executor.query<{ holder: string }>(
    'select holder from converge.lease where name = $1',
    [name],
  );
  if (rows[0]?.holder !== holder) return;
  const mine = await acquireLease(executor, { name, holder, ttlMs: leaseMs });
  if (mine.kind === 'acquired') await releaseLease(executor, { name, holder, term: mine.term });
}
