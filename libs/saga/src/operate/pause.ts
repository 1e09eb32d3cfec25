import { systemClock } from '@convergekit/core';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import {
  beginPause,
  endPause,
  heldWork,
  MOST_COUNTED,
  openReaders,
  type PauseTarget,
  readPause,
  type SagaPause,
  spreadWork,
} from './pause-sql.ts';

type Pausing = Pick<Database, 'acquire' | 'executor'>;

/** A pause that was made. */
interface NewPause extends SagaPause {
  /** Transactions that may have looked before the pause was there, and are still open: what they begin is not in `inFlight`. */
  readonly undecided: number;
}

/** Says what a pause holds, and what may still begin under it. Pure. */
export function heldText({
  held,
  inFlight,
  undecided = 0,
}: Pick<SagaPause, 'held' | 'inFlight'> & Partial<Pick<NewPause, 'undecided'>>): string {
  const more = held >= MOST_COUNTED ? 'or more ' : '';
  const open =
    undecided === 0
      ? ''
      : `; ${undecided} ${undecided === 1 ? 'transaction' : 'transactions'} from before the pause, still open after 5 seconds, may begin calls until the end: pg_stat_activity shows them`;
  return `${held} ${more}${held === 1 ? 'call waits' : 'calls wait'}, ${inFlight} in flight ${inFlight === 1 ? 'ends' : 'end'}${open}`;
}

/**
 * Pauses a saga, or one instance, in the database of a service that runs its steps. From the commit on no worker takes up
 * a call, a query or an undo of it; those that are in flight end, and their outcomes are recorded, also those that a transaction
 * began which was open at the commit. Events are consumed, local steps run, and timers fire. Resolves with what is held; undefined: it is paused already.
 */
export async function pauseSaga(
  database: Pausing,
  target: PauseTarget,
  by: Operator,
): Promise<NewPause | undefined> {
  if (!(await beginPause(database.executor, target, by))) return undefined;
  const undecided = await readersEnd(database.executor);
  const pause = await readPause(database.executor, target);
  return pause && { ...pause, undecided };
}

/** The longest wait for open transactions, and the pause between two looks, in milliseconds. */
const OPEN_MS = 5_000;
const LOOK_MS = 20;

/**
 * Waits for the open transactions that have looked for pauses: a claim, or a slice that begins a call, may have done so before the
 * pause was there. What they begin is in flight when this resolves. Returns the number of those that take longer than five seconds.
 */
async function readersEnd(executor: Executor): Promise<number> {
  const until = systemClock.monotonic() + OPEN_MS;
  let open = await openReaders(executor);
  while (open.length > 0 && systemClock.monotonic() < until) {
    await systemClock.sleep(LOOK_MS);
    open = await openReaders(executor, open);
  }
  return open.length;
}

export interface ResumeOptions {
  /** Calls, queries and undos that become due in a second. */
  readonly rate: number;
  /** Called with the number of rows that have their time, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between two batches: the saga stays paused. @default never */
  readonly signal?: AbortSignal;
}

type ResumedSaga =
  | { readonly kind: 'resumed'; readonly work: number }
  | { readonly kind: 'not_paused' }
  /** It is still paused; another resume begins anew. */
  | { readonly kind: 'stopped'; readonly done: number; readonly total: number };

/** Rows that one statement gives a time. */
const BATCH = 500;

/**
 * Resumes a paused saga, or one instance: what was held becomes due at a rate, the oldest first. The times are written while
 * the pause still holds, the latest first, and the pause ends with the last batch: a resume that breaks off leaves the saga
 * paused.
 */
export async function resumeSaga(
  database: Pausing,
  target: PauseTarget,
  by: Operator,
  { rate, onProgress, signal }: ResumeOptions,
): Promise<ResumedSaga> {
  if ((await readPause(database.executor, target)) === undefined) return { kind: 'not_paused' };
  const held = await heldWork(database.executor, target);
  const total = held.length;
  for (let end = total; end > BATCH; end -= BATCH) {
    if (signal?.aborted === true) return { kind: 'stopped', done: total - end, total };
    const before = end - BATCH;
    const isPaused = await withTransaction(database, {}, async (tx) => {
      if ((await readPause(tx, target)) === undefined) return false;
      await spreadWork(tx, held.slice(before, end), { before, rate });
      return true;
    });
    if (!isPaused) return { kind: 'not_paused' };
    onProgress?.(total - before, total);
  }
  const first = held.slice(0, total % BATCH === 0 ? BATCH : total % BATCH);
  const ended = await withTransaction(database, {}, async (tx) => {
    // First: of two resumes at once the later one waits here, and changes no time.
    if (!(await endPause(tx, target, by, { work: total, rate }))) return false;
    await spreadWork(tx, first, { before: 0, rate });
    return true;
  });
  return ended ? { kind: 'resumed', work: total } : { kind: 'not_paused' };
}
