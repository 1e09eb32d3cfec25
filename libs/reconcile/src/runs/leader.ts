import { acquireLease, releaseLease } from '@convergekit/postgres/engine';
import { executorOf } from '@convergekit/postgres';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import { Renewals } from '@convergekit/core/engine';
import { queueGaps } from './gaps.ts';
import { type LeadState, readLead } from './lead-sql.ts';
import { type LedRun, makeRun } from './make-run.ts';
import { beginRun, recordSkipped, takeRun } from './run-sql.ts';
import { decideStart, type Starts } from '../schedule/decide-start.ts';
import { announceStart } from '../schedule/schedules-sql.ts';
import { startDueAfter } from '../schedule/schedule.ts';
import { readState } from '../window.ts';
import type { WorkersOptions } from '../workers.ts';

/**
 * Acquires or renews the lease of the schedule, and makes the run that is due: an interrupted one first, then one that an
 * operator asked for, then the schedule's. Returns the number of queued keys; undefined if no run was completed.
 */
export async function leadOnce(options: WorkersOptions, signal: AbortSignal): Promise<number | undefined> {
  const { reconciler, databases } = options;
  if (signal.aborted || !(await leads(options))) return undefined;
  const executor = executorOf(databases.actual);
  await readState(executor, reconciler.name); // inserts the row of a new reconciler
  const state = await readLead(executor, reconciler.name);
  if (state === undefined) return undefined;
  const nextStartAt = nextStartOf(options, state);
  if (nextStartAt?.getTime() !== state.nextStartAt?.getTime())
    await announceStart(executor, reconciler.name, nextStartAt);
  record(options, state, nextStartAt);
  if (state.paused) return undefined;
  return whileLeading(options, signal, async (held) => {
    await queueGaps({ reconciler, databases, holder: options.holder, signal: held });
    if (held.aborted) return undefined;
    const run = await nextLedRun(options, state);
    return run && (await makeRun(options, run, held));
  });
}

/** Finds or begins the run that is due now. Undefined: none is. */
async function nextLedRun(options: WorkersOptions, state: LeadState): Promise<LedRun | undefined> {
  const { reconciler, databases, holder, leaseMs, pollMs } = options;
  const executor = executorOf(databases.actual);
  const { open, requestedBy } = state;
  if (open !== null)
    return (await takeRun(executor, open.id, holder)) ? { ...open, from: open.checkpoint } : undefined;
  const run = { reconciler: reconciler.name, holder };
  if (requestedBy !== null)
    return {
      ...(await beginRun(executor, { ...run, cause: 'run now', actor: requestedBy })),
      from: null,
    };
  // A standby leads after one lease at most, and its next poll.
  const start = decideStart(reconciler.schedule, { ...state, graceMs: 2 * (leaseMs + pollMs) });
  if (start.kind === 'wait') return undefined;
  noteMissed(options, start);
  const nextStartAt = startDueAfter(reconciler.schedule, start.until);
  const due = { ...run, ...start, nextStartAt, cause: 'schedule', actor: null } as const;
  if (start.kind === 'run') return { ...(await beginRun(executor, due)), from: null };
  await recordSkipped(executor, due, `${start.missed} starts could not be made in time`);
  return undefined;
}

function noteMissed({ reconciler, log }: WorkersOptions, { missed, overrun, dueAt }: Starts): void {
  if (missed === 0 && overrun === 0) return;
  const labels = { [attributeNames.reconciler]: reconciler.name };
  instruments().reconcileMissed.add(missed, labels);
  if (overrun === 0) return;
  log.warn(
    { alarm: 'reconcile_overrun', reconciler: reconciler.name, overrun, missed, dueAt },
    'runs take longer than the interval of their schedule: starts are left out; lengthen the interval, or look for a slow scan',
  );
}

/** The start that is to be made next: in the past while it is due. A reconciler that never ran starts at once. */
function nextStartOf({ reconciler }: WorkersOptions, state: LeadState): Date | null {
  const { scheduledUntil, nextStartAt, now } = state;
  if (scheduledUntil !== null) return startDueAfter(reconciler.schedule, scheduledUntil);
  return reconciler.schedule === undefined ? null : (nextStartAt ?? now);
}

function record(
  { reconciler }: WorkersOptions,
  { now, lastCompletedAt, paused }: LeadState,
  next: Date | null,
): void {
  const labels = { [attributeNames.reconciler]: reconciler.name };
  if (lastCompletedAt !== null)
    instruments().reconcileAge.recordMs(now.getTime() - lastCompletedAt.getTime(), labels);
  instruments().reconcilePaused.record(paused ? 1 : 0, labels);
  if (next !== null) instruments().reconcileNext.record((next.getTime() - now.getTime()) / 1_000, labels);
}

/** Releases the lease, so that another process leads at once. */
export async function resign({ reconciler, databases, holder }: WorkersOptions): Promise<void> {
  await releaseLease(executorOf(databases.actual), { name: leaseOf(reconciler.name), holder });
}

/** Returns the name of the lease for a reconciler's schedule: one process leads. */
export const leaseOf = (reconciler: string): string => `reconcile/${reconciler}`;

/** Acquires or renews the lease of the schedule; false = another process leads. */
async function leads({ reconciler, databases, holder, leaseMs }: WorkersOptions): Promise<boolean> {
  const request = { name: leaseOf(reconciler.name), holder, ttlMs: leaseMs };
  return (await acquireLease(executorOf(databases.actual), request)).kind === 'acquired';
}

/**
 * Renews the lease of the schedule while `work` runs, however long one chunk of its scan takes. The signal aborts when the
 * caller stops or the lease is lost.
 */
async function whileLeading<T>(
  options: WorkersOptions,
  stop: AbortSignal,
  work: (held: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, leaseMs, random } = options;
  const lost = new AbortController();
  const renew = async (): Promise<void> => {
    if (!(await leads(options))) lost.abort();
  };
  return new Renewals({ renew, leaseMs, clock, random }).during(lost, () =>
    work(AbortSignal.any([stop, lost.signal])),
  );
}
