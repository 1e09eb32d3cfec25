import { executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import type { LateWork } from '../work/worker-call.ts';
import type { WorkAttempt } from '../work/work.ts';
import type { ResolvedOptions } from './options.ts';
import { findOverdue, markOverdue, type OverdueWork, PAGE } from './overdue-sql.ts';
import { report } from './report.ts';
import { emitting } from './record-outcome.ts';

/**
 * Marks overdue work in any state, and alerts an operator: once for each row. The transaction also informs the step's
 * fence and the observers. The work is retried. Returns the number of marked rows.
 */
export async function alertOverdue<DB>(options: ResolvedOptions<DB>, signal?: AbortSignal): Promise<number> {
  const { database, calls, stuckAfterMs, undeclaredMs } = options;
  const bounds = { failingMs: stuckAfterMs, idleMs: undeclaredMs };
  let marked = 0;
  for (;;) {
    const ids = await findOverdue(database.executor, [...calls.keys()], bounds);
    const before = marked;
    for (const id of ids) if (signal?.aborted !== true && (await tryAlert(options, id))) marked += 1;
    // Rows that could not be marked are found again in the next round.
    if (ids.length < PAGE || marked === before) return marked;
  }
}

async function tryAlert<DB>(options: ResolvedOptions<DB>, id: string): Promise<boolean> {
  try {
    return await alert(options, id);
  } catch (error) {
    // A row that cannot be marked must not hide the others. The next round tries it again.
    report.notMarked(options.log, id, classify(error));
    return false;
  }
}

async function alert<DB>(
  { database, clock, random, calls, log }: ResolvedOptions<DB>,
  id: string,
): Promise<boolean> {
  const overdue = await kyselyTransaction(database.db, { clock, random }, async (tx) => {
    const executor = executorOf(tx);
    const work = await markOverdue(executor, id);
    if (work === undefined) return undefined;
    const late = lateOf(work);
    const hook = calls.get(work.call)?.late;
    // A step that is decided, or known to be stuck, has nothing new to say.
    const news =
      hook === undefined || (await emitting(executor, work, (emit) => hook({ tx, emit }, work.input, late)));
    return { work, late, news };
  });
  if (overdue?.news === true) report.overdue(log, overdue.work, overdue.late);
  return overdue !== undefined;
}

/** Returns the stage and the failure of overdue work (pure). */
export function lateOf({ state, story }: Pick<OverdueWork, 'state' | 'story'>): LateWork {
  const last = story.findLast(
    (one): one is WorkAttempt => one.op !== 'operator' && one.failure !== undefined,
  );
  return { at: atOf(state, last), ...(last?.failure === undefined ? {} : { failure: last.failure }) };
}

function atOf(state: OverdueWork['state'], last: WorkAttempt | undefined): LateWork['at'] {
  switch (state) {
    case 'answered':
      return 'settlement';
    case 'unknown':
      return 'query';
    case 'ready':
    case 'calling':
      return last === undefined ? 'start' : 'call';
  }
}
