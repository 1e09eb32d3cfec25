import { bound, slowDelayMs } from '@convergekit/resilience/engine';
import { attributeNames, spanNames, withSpan } from '@convergekit/telemetry';
import {
  ask,
  type Asked,
  type Asks,
  type ClaimedWork,
  decide,
  type Next,
  type Op,
  type Rules,
} from '@convergekit/effects/engine';
import type { Stack } from './define-stack.ts';
import type { Entry, StackStuckReason } from './entry.ts';
import { Suspended } from './errors.ts';
import type { StepFold } from './fold.ts';
import type { Journal, Then } from './journal.ts';
import type { ResolvedStacks } from './options.ts';
import { report } from './report.ts';
import type { ExternalStep } from './step.ts';

/** A policy may be unbounded, a lease may not: what takes longer is found again after it. */
const MAX_RUN_MS = 600_000;

/** One stack in this process's hands, until it ends or is suspended. */
export interface Turn {
  readonly options: ResolvedStacks;
  readonly stack: Stack;
  readonly journal: Journal;
  /** Aborts what is in flight when the process must stop. */
  readonly signal: AbortSignal;
  /** Milliseconds that may still be waited here, in place of leaving the stack to a worker. */
  patienceMs: number;
}

export function runMsOf({ options }: Turn, step: ExternalStep): number {
  return Math.min(bound(step.policyIn(options.shared).deadlineMs), MAX_RUN_MS);
}

/** For a run of a step's policy, and for writing down what came of it. */
export function heldFor(turn: Turn, step: ExternalStep): Then {
  return { kind: 'held', ms: runMsOf(turn, step) + turn.options.leaseMarginMs };
}

/** For the body, between two awaits of its unit. */
export function heldIdle({ options }: Turn): Then {
  return { kind: 'held', ms: options.idleMs };
}

/** What has been tried of a call or an undo, as `decide` looks at it. */
export type TriedOnce = Pick<ClaimedWork, 'found' | 'attempts' | 'queries' | 'ageMs' | 'finalInMs' | 'doubt'>;

/** Asks once, under the lease for a run that the last write asked for, and decides what follows. Never rejects. */
export async function askOnce(
  turn: Turn,
  step: ExternalStep,
  { asks, op }: { readonly asks: Asks; readonly op: Exclude<Op, 'settle'> },
  tried: TriedOnce,
  rules: Rules,
): Promise<Asked & { readonly next: Next }> {
  const { options, journal, signal } = turn;
  const { clock, random, shared } = options;
  // Not from now on: this process may have been frozen since the write.
  const leaseEndsAt = journal.sentAt + runMsOf(turn, step);
  const attributes = { [attributeNames.effect]: step.name };
  return withSpan(spanNames.attempt(step.name), { kind: 'client', attributes }, async () => {
    const asked = await ask(op, asks, step.idempotency, { clock, random, shared, signal, leaseEndsAt });
    const next = decide(op, asked.answer, tried, rules, random);
    report.attempts(options.log, step.name, op, asked.attempts, next.kind);
    return { ...asked, next };
  });
}

/** Waits here while there is patience, else leaves the stack to whoever comes then. The entries are written first. */
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

/** Leaves it to a person; with `againInMs` it goes on being tried meanwhile. */
export async function beStuck(
  { journal, options }: Turn,
  { step, path }: StepFold,
  reason: StackStuckReason,
  note: string,
  more: { readonly before?: readonly Entry[]; readonly againInMs?: number } = {},
): Promise<never> {
  const { before = [], againInMs } = more;
  const then: Then = againInMs === undefined ? { kind: 'nobody' } : { kind: 'due', inMs: againInMs };
  const known = journal.fold.stuck;
  // One that goes on being tried is told once, not with each try.
  const told = known?.step === step && known.reason === reason;
  await journal.write(told ? before : [...before, { kind: 'stuck', step, path, reason, note }], then);
  report.stuck(options.log, journal.claim, path, reason);
  throw new Suspended('stuck', `step ${path} is stuck (${reason}): ${note}`);
}

/** Since when it fails, milliseconds: decides when a person is called. */
export function failingMs({ journal }: Turn, { failingSinceMs }: StepFold): number {
  return failingSinceMs === undefined ? 0 : journal.now() - failingSinceMs;
}

export function slowMs({ options }: Turn, failures: number): number {
  return slowDelayMs(options.schedule, Math.min(failures, 60), options.random);
}
