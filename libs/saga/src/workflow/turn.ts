import { failpoint, runCode } from '@convergekit/core/engine';
import { executorOf } from '@convergekit/postgres';
import { awaitedStatements, kyselyTransaction } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import { slowWait } from '@convergekit/resilience/engine';
import { longestRunMs } from '../calls/worker/run-call.ts';
import type { StoredFailure } from '../calls/work/work.ts';
import { stored } from '../calls/work/decide.ts';
import type { Transaction } from 'kysely';
import type { Workflow } from './define-workflow.ts';
import type { Entry, WorkflowStuckReason } from './entry.ts';
import { Suspended } from './errors.ts';
import type { StepFold } from './fold.ts';
import type { Journal, Then } from './journal.ts';
import type { ResolvedWorkflows } from './options.ts';
import type { ExternalStep } from './step.ts';

/** A workflow that this process holds, until it ends or is suspended. */
export interface Turn {
  readonly options: ResolvedWorkflows;
  readonly workflow: Workflow;
  readonly journal: Journal;
  /** Aborts what is in flight when the process must stop. */
  readonly signal: AbortSignal;
  /** Milliseconds that may still be waited here, in place of leaving the workflow to a worker. */
  patienceMs: number;
}

export function runMsOf({ options }: Turn, step: ExternalStep): number {
  return longestRunMs(step, options.shared);
}

/** Returns the hold for a run of a step's policy, and for recording its outcome. */
export function heldFor(turn: Turn, step: ExternalStep): Then {
  return { kind: 'held', ms: runMsOf(turn, step) + turn.options.leaseMarginMs };
}

/** Returns the hold for the body, between two awaits of its unit. */
export function heldIdle({ options }: Turn): Then {
  return { kind: 'held', ms: options.idleMs };
}

/** Writes entries, and holds the workflow for its body. */
export function record(turn: Turn, ...entries: readonly Entry[]): Promise<void> {
  return turn.journal.write(entries, heldIdle(turn));
}

/** Runs a change in the transaction that records its end. Resolves with the failure of one that was rolled back. */
export async function commitWith(
  turn: Turn,
  committed: `workflow.after_${string}`,
  change: (tx: Transaction<unknown>) => Promise<Entry>,
): Promise<{ readonly failure: StoredFailure; readonly error: unknown } | undefined> {
  const { journal, options } = turn;
  const what = `a step of workflow ${turn.workflow.name} (${journal.claim.id})`;
  const changed = (tx: Transaction<unknown>): Promise<Entry> =>
    awaitedStatements(tx, what, (own) =>
      runCode(
        what,
        (err, line) => options.log.error({ err }, line),
        () => change(own),
      ),
    );
  try {
    const adopt = await kyselyTransaction(options.database.db, options, async (tx) =>
      journal.within(executorOf(tx), [await changed(tx)], heldIdle(turn)),
    );
    failpoint(committed);
    adopt();
    return undefined;
  } catch (error) {
    if (error instanceof Suspended) throw error;
    const failure = classify(error);
    // The next claim reads in the journal what became of it.
    if (failure.code === 'COMMIT_UNKNOWN') throw new Suspended('lost', failure.message, { cause: error });
    return { failure: { ...stored(failure), certainty: 'not_applied' }, error };
  }
}

/** A wait of a step before it is tried again. */
export interface PutOff {
  readonly waitMs: number;
  readonly note: string;
  /** The entry of the failure that it waits for: after `stuckAfterMs` of failures an operator is alerted. */
  readonly failed?: Entry;
}

/** Has a step wait. The step is also marked as stuck when it has failed for too long. */
export async function putOff(turn: Turn, fold: StepFold, { waitMs, note, failed }: PutOff): Promise<void> {
  const { journal, options } = turn;
  const entries = failed === undefined ? [] : [failed];
  const { failingSinceMs = journal.now() } = fold;
  if (failed !== undefined && journal.now() - failingSinceMs >= options.stuckAfterMs)
    await markStuck(turn, fold, failed.kind === 'unknown' ? 'outcome_unknown' : 'undo_failing', note, {
      before: entries,
      againInMs: waitMs,
    });
  await pause(turn, waitMs, entries, note);
}

/** Waits here while there is patience, else leaves the workflow to a worker. The entries are written first. */
async function pause(turn: Turn, ms: number, entries: readonly Entry[], what: string): Promise<void> {
  const { journal, options, signal } = turn;
  if (ms > turn.patienceMs || signal.aborted) {
    await journal.write(entries, { kind: 'due', inMs: ms });
    throw new Suspended('waits', what);
  }
  turn.patienceMs -= ms;
  await journal.write(entries, { kind: 'held', ms: ms + options.idleMs });
  if (ms > 0) await options.clock.sleep(ms, signal);
}

/** Leaves a step to an operator; with `againInMs` (milliseconds) it is retried meanwhile. */
export async function markStuck(
  { journal, options }: Turn,
  { step, path }: StepFold,
  reason: WorkflowStuckReason,
  note: string,
  more: { readonly before?: readonly Entry[]; readonly againInMs?: number } = {},
): Promise<never> {
  const { before = [], againInMs } = more;
  const then: Then = againInMs === undefined ? { kind: 'operator' } : { kind: 'due', inMs: againInMs };
  const known = journal.fold.stuck;
  // A retried step is recorded as stuck, and raises its alarm, once and not at each attempt.
  const isKnown = known?.step === step && known.reason === reason;
  await journal.write(isKnown ? before : [...before, { kind: 'stuck', step, path, reason, note }], then);
  const { workflow, id } = journal.claim;
  if (!isKnown)
    options.log.error(
      { alarm: 'workflow_stuck', workflow, id, step: path, reason },
      'a workflow waits for an operator: see `converge workflow show`, then retry or resolve',
    );
  throw new Suspended('stuck', `step ${path} is stuck (${reason}): ${note}`);
}

export function foldOf({ journal }: Turn, number: number): StepFold {
  const step = journal.fold.steps[number - 1];
  if (step === undefined) throw new RangeError(`there is no step ${number}`);
  return step;
}

export function slowMs({ options }: Turn, failures: number): number {
  return slowWait(options.schedule, { attempt: failures, random: options.random }).computedMs;
}
