import { AsyncLocalStorage } from 'node:async_hooks';
import { classify as classifyError } from './classify.ts';
import { DEADLINE_PASSED, leftMs } from './deadline.ts';
import { ConvergeError, type Failure } from '@convergekit/core';
import { bound, type Policy } from './policy.ts';
import type { RetryBudget } from './retry-budget.ts';
import { decideRetry, type RetryDecision } from './retry-decision.ts';

/** The part of the runtime's clock that retrying needs. `sleep` resolves early, never rejects, when aborted. */
export interface RetryClock {
  /** Milliseconds since 1970, for deadlines that came from outside. */
  now(): number;
  monotonic(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** One attempt, told as soon as it ended. */
export interface AttemptReport {
  /** From 1; a rerun after contention keeps its number. */
  readonly attempt: number;
  readonly durationMs: number;
  /** Absent when it succeeded. */
  readonly failure?: Failure;
  /** What follows; absent when it succeeded. */
  readonly decision?: RetryDecision;
}

export interface RetryOptions {
  readonly policy: Policy;
  readonly clock: RetryClock;
  readonly random: () => number;
  /** Shared by all callers of one dependency: when it cannot pay for a retry, there is none. @default retries are free */
  readonly budget?: RetryBudget;
  /** @default the package's `classify` */
  readonly classify?: (error: unknown) => Failure;
  readonly onAttempt?: (report: AttemptReport) => void;
  /** When the caller's own time is over, as it came with the event or the call. @default none but the policy's */
  readonly deadline?: Date | undefined;
  /** Ends the wait or aborts the attempt; `retry` then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `fn` until it succeeds, the failure is not one that retrying helps, or the policy's attempts or deadline are
 * used up; then rejects with the last error as it was thrown. `fn` must be safe to repeat: an attempt whose outcome is
 * unknown is repeated too. An attempt that outlasts its time gets its signal aborted and counts as failed, unknown.
 * `fn` is told until when it has: what it calls in turn gets that and not a millisecond more (`deadlineHeaders`).
 * One retry owner for each call: a `retry` inside another one multiplies the load, and is refused. Inside
 * `ownedAttempt` it makes one attempt.
 */
export function retry<T>(fn: Attempting<T>, options: RetryOptions): Promise<T> {
  const owner = current.getStore();
  if (owner?.over === false && owner.kind === 'retry') return Promise.reject(nested());
  if (owner?.over === false) return asOwner('retry', () => attempts(fn, oneAttempt(options)));
  return asOwner('retry', () => attempts(fn, options));
}

/**
 * Runs one attempt of an owner that tries again by itself, as a consumer does with its handlers. A `retry` in it makes
 * one attempt: 3 attempts of a handler times 3 of a call in it would be 9 calls.
 */
export function ownedAttempt<T>(fn: () => Promise<T>): Promise<T> {
  return asOwner('attempt', fn);
}

/** One attempt: its number from 1, the signal that ends it, and when that will be at the latest. */
export type Attempting<T> = (attempt: number, signal: AbortSignal, deadline: Date) => Promise<T>;

/** Who tries again here. What an attempt leaves running (a timer) keeps the context, and is free when it is over. */
interface RetryOwner {
  readonly kind: 'retry' | 'attempt';
  over: boolean;
}

const current = new AsyncLocalStorage<RetryOwner>();

async function asOwner<T>(kind: RetryOwner['kind'], fn: () => Promise<T>): Promise<T> {
  const owner: RetryOwner = { kind, over: false };
  try {
    return await current.run(owner, fn);
  } finally {
    owner.over = true;
  }
}

function oneAttempt(options: RetryOptions): RetryOptions {
  return { ...options, policy: { ...options.policy, attempts: 1 } };
}

function nested(): ConvergeError {
  return new ConvergeError(
    'a retry inside a retry would multiply the attempts: let the outer one own them, and call the inner function once',
    { code: 'NESTED_RETRY', category: 'configuration', certainty: 'not_applied' },
  );
}

function tooLate(deadline: Date | undefined): ConvergeError {
  return new ConvergeError(
    `nothing was called: the caller's deadline ${deadline?.toISOString() ?? ''} had passed. Give the whole chain more time, or find the hop that used it up.`,
    { code: DEADLINE_PASSED, category: 'service', certainty: 'not_applied' },
  );
}

async function attempts<T>(fn: Attempting<T>, options: RetryOptions): Promise<T> {
  const { policy, clock, random, budget, classify = classifyError, onAttempt, signal } = options;
  const startedAt = clock.monotonic();
  const withinMs = Math.min(bound(policy.deadlineMs), leftMs(options.deadline, clock.now()));
  if (withinMs <= 0) throw tooLate(options.deadline);
  let attempt = 1;
  let reruns = 0;
  for (;;) {
    signal?.throwIfAborted();
    const begun = clock.monotonic();
    const restMs = withinMs - (begun - startedAt);
    const outcome = await once(fn, attempt, Math.min(policy.attemptTimeoutMs, restMs), options);
    const ended = clock.monotonic();
    const report = { attempt, durationMs: ended - begun };
    if (outcome.ok) {
      budget?.succeed();
      onAttempt?.(report);
      return outcome.value;
    }
    signal?.throwIfAborted();
    const failure = classify(outcome.error);
    const spentMs = ended - startedAt;
    const wanted = decideRetry({ failure, policy, attempt, reruns, spentMs, withinMs, random });
    const affordable = wanted.kind !== 'again' || (budget?.take(failure.category) ?? true);
    const decision = affordable ? paid(wanted, budget) : ({ kind: 'give_up', reason: 'budget' } as const);
    onAttempt?.({ ...report, failure, decision });
    if (decision.kind === 'give_up') throw outcome.error;
    if (decision.kind === 'rerun') reruns += 1;
    else attempt += 1;
    await clock.sleep(decision.wait.computedMs, signal);
  }
}

/** The decision, saying what its retry left in the budget. A rerun costs nothing. */
function paid(decision: RetryDecision, budget: RetryBudget | undefined): RetryDecision {
  if (decision.kind !== 'again' || budget === undefined) return decision;
  return { kind: 'again', wait: { ...decision.wait, budgetLeft: budget.level } };
}

type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

async function once<T>(
  fn: Attempting<T>,
  attempt: number,
  timeoutMs: number,
  { clock, signal }: RetryOptions,
): Promise<Outcome<T>> {
  const own = new AbortController();
  const ended = new AbortController();
  const until = new Date(clock.now() + timeoutMs);
  const both = signal === undefined ? own.signal : AbortSignal.any([own.signal, signal]);
  const work = (async (): Promise<Outcome<T>> => ({
    ok: true,
    value: await fn(attempt, both, until),
  }))().catch((error: unknown): Outcome<T> => ({ ok: false, error }));
  const late = clock.sleep(timeoutMs, ended.signal).then((): Outcome<T> => {
    const error = new DOMException(`attempt ${attempt} took longer than ${timeoutMs} ms`, 'TimeoutError');
    if (!ended.signal.aborted) own.abort(error);
    return { ok: false, error };
  });
  try {
    return await Promise.race([work, late, aborted(signal, ended.signal)]);
  } finally {
    ended.abort();
  }
}

/** Settles when the caller aborts: an `fn` that does not look at its signal must not hold the caller. */
function aborted(signal: AbortSignal | undefined, ended: AbortSignal): Promise<Outcome<never>> {
  const { promise, resolve } = Promise.withResolvers<Outcome<never>>();
  const onAbort = (): void => resolve({ ok: false, error: signal?.reason });
  signal?.addEventListener('abort', onAbort, { once: true, signal: ended });
  return promise;
}
