import { failpoint } from '@convergekit/core/engine';
import { executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import { bound, slowDelayMs } from '@convergekit/resilience/engine';
import { afterAttempts, attributeNames, spanNames } from '@convergekit/telemetry/engine';
import { withSpan } from '@convergekit/telemetry';
import { admission } from '../effects/quota/admission.ts';
import { reportAttempts } from '../effects/worker/record-attempts.ts';
import { type CallRun, runCall } from '../effects/worker/run-call.ts';
import type { CallHandle } from '../effects/effect/types.ts';
import type { ClaimedWork, Op, StoredFailure } from '../effects/work/work.ts';
import { decide, type Next, type Rules, stored } from '../effects/work/decide.ts';
import type { Transaction } from 'kysely';
import type { Workflow } from './define-workflow.ts';
import type { Entry, WorkflowStuckReason } from './entry.ts';
import { Suspended } from './errors.ts';
import type { StepFold } from './fold.ts';
import type { Journal, Then } from './journal.ts';
import type { ResolvedWorkflows } from './options.ts';
import { report } from './report.ts';
import type { ExternalStep } from './step.ts';

/** The maximum of a run in milliseconds, for the lease: longer work of an unbounded policy is found again after it. */
const MAX_RUN_MS = 600_000;

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
  return Math.min(bound(step.policyIn(options.shared).deadlineMs), MAX_RUN_MS);
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

/**
 * Runs a change of a local step in the transaction that records its end. Resolves with the failure of a change that was
 * rolled back. Rejects with Suspended when its COMMIT got no answer.
 */
export async function commitWith(
  turn: Turn,
  committed: `workflow.after_${string}`,
  change: (tx: Transaction<unknown>) => Promise<Entry>,
): Promise<{ readonly failure: StoredFailure; readonly error: unknown } | undefined> {
  const { journal, options } = turn;
  try {
    const adopt = await kyselyTransaction(options.database.db, options, async (tx) =>
      journal.within(executorOf(tx), [await change(tx)], heldIdle(turn)),
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

/** The attempts at a call or an undo, in the form that `decide` needs. */
export type TriedOnce = Pick<ClaimedWork, 'found' | 'attempts' | 'queries' | 'ageMs' | 'finalInMs' | 'doubt'>;

/** Calls or queries once, under the lease of the last write, and decides what follows. Never rejects. */
export async function attemptOnce(
  turn: Turn,
  step: ExternalStep,
  { handle, op }: { readonly handle: CallHandle; readonly op: Exclude<Op, 'settle'> },
  tried: TriedOnce,
  rules: Rules,
): Promise<CallRun & { readonly next: Next }> {
  const { options, journal, signal } = turn;
  const { clock, random, shared, database } = options;
  // The lease counts from the write, not from now: this process may have been frozen since.
  const endsAt = journal.sentAt + runMsOf(turn, step);
  const attributes = { [attributeNames.effect]: step.name };
  const earlier = tried.attempts;
  return withSpan(spanNames.run(step.name), { kind: 'internal', attributes }, () =>
    afterAttempts(earlier, async () => {
      const admit = step.quota && admission(database.executor, step.quota, { clock, signal });
      const asking = { clock, random, shared, signal, endsAt, admit };
      const asked = await runCall(op, handle, step.idempotency, asking);
      const next = decide(op, asked.answer, tried, rules, random);
      const { attempts } = asked;
      reportAttempts(options.log, { effect: step.name }, { effect: step.name, earlier, attempts, next });
      return { ...asked, next };
    }),
  );
}

/** Waits here while there is patience, else leaves the workflow to a worker. The entries are written first. */
export async function pause(turn: Turn, ms: number, entries: readonly Entry[], what: string): Promise<void> {
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
  if (!isKnown) report.stuck(options.log, journal.claim, path, reason);
  throw new Suspended('stuck', `step ${path} is stuck (${reason}): ${note}`);
}

/** Returns the time for which the step fails, in milliseconds: it decides when an operator is alerted. */
export function failingMs({ journal }: Turn, { failingSinceMs }: StepFold): number {
  return failingSinceMs === undefined ? 0 : journal.now() - failingSinceMs;
}

export function slowMs({ options }: Turn, failures: number): number {
  return slowDelayMs(options.schedule, Math.min(failures, 60), options.random);
}
