import { AsyncLocalStorage } from 'node:async_hooks';
import { classify as classifyError } from './classify.ts';
import { DEADLINE_PASSED, leftMs } from './deadline.ts';
import { type Clock, ConvergeError, type Failure } from '@convergekit/core';
import { bound, type Policy, withOneAttempt } from './policy.ts';
import type { RetryBudget } from './retry-budget.ts';
import { decideRetry, type RetryDecision } from './retry-decision.ts';

/** The report of one attempt, as soon as it ended. */
export interface AttemptReport {
  /** The attempt's number from 1; a rerun after contention keeps it. */
  readonly attempt: number;
  /** The duration of the attempt, in milliseconds. */
  readonly durationMs: number;
  /** The failure; absent after a success. */
  readonly failure?: Failure;
  /** The decision that followed; absent after a success. */
  readonly decision?: RetryDecision;
}

export interface RetryOptions {
  /** The attempts, their waits and their time limits: `defaultPolicy`, or a changed copy of it. */
  readonly policy: Policy;
  /** The clock of waits and time limits: `systemClock`. */
  readonly clock: Clock;
  /** The random numbers of the jitter: `systemRandom`. */
  readonly random: () => number;
  /** The retry budget that the callers of a dependency share: no tokens, no retry. @default retries are free */
  readonly budget?: RetryBudget;
  /** Decides what an error is, and so whether it is retried. @default the package's `classify` */
  readonly classify?: (error: unknown) => Failure;
  /** Called when an attempt has ended, for metrics: see `observeAttempts`. @default nothing */
  readonly onAttempt?: (report: AttemptReport) => void;
  /**
   * Waits until an attempt may be made, within the given time in milliseconds: the quota of the other side. A rejection
   * ends the retries with the last failure; before the first attempt, with the rejection. @default at once
   */
  readonly admit?: ((withinMs: number) => Promise<void>) | undefined;
  /** The caller's deadline, received with the event or the call. @default the policy's */
  readonly deadline?: Date | undefined;
  /** Ends the wait or aborts the attempt; `retry` then rejects with the signal's reason. @default never */
  readonly signal?: AbortSignal;
}

/**
 * Calls `fn` until it succeeds, fails finally, or exhausts the policy's attempts or deadline. It then rejects with the
 * last error as thrown. `fn` must be safe to repeat: an attempt of unknown outcome is repeated, too. When an attempt
 * exceeds its time, its signal aborts and it counts as failed with unknown outcome. `fn` receives the deadline of its
 * attempt, to pass on to the systems it calls (`deadlineHeaders`). Each call has one retry owner: a `retry` inside
 * another one would multiply the load, and is rejected. Inside `ownedAttempt` it makes one attempt.
 * @example
 * ```ts
 * import { defaultPolicy, retry, systemClock, systemRandom } from 'convergekit';
 *
 * const options = { policy: defaultPolicy, clock: systemClock, random: systemRandom };
 * const rates = await retry((_, signal) => fetch('https://rates.example', { signal }), options);
 * ```
 */
export function retry<T>(fn: Attempting<T>, options: RetryOptions): Promise<T> {
  const owner = current.getStore();
  if (owner !== undefined) owner.called = true;
  if (owner?.over === false && owner.kind === 'retry') return Promise.reject(nestedRetryError());
  const policy = owner?.over === false ? withOneAttempt(options.policy) : options.policy;
  return asOwner('retry', () => attempts(fn, { ...options, policy }));
}

/**
 * Runs one attempt of a caller that retries itself, as a consumer does with its handlers.
 * A `retry` inside makes one attempt: 3 attempts of a handler times 3 of a call in it would be 9 calls.
 */
export function ownedAttempt<T>(fn: () => Promise<T>): Promise<T> {
  return asOwner('attempt', fn);
}

/** True if an operation began in the present `ownedAttempt`: it may have taken effect in another system. */
export function calledInAttempt(): boolean {
  return current.getStore()?.called ?? false;
}

/**
 * A function that makes one attempt. Its arguments are the attempt's number from 1, an abort signal, and a deadline.
 */
export type Attempting<T> = (attempt: number, signal: AbortSignal, deadline: Date) => Promise<T>;

/** The owner of the retries here. A task that outlives the attempt (a timer) keeps the context but may retry again. */
interface RetryOwner {
  readonly kind: 'retry' | 'attempt';
  over: boolean;
  /** True once an operation began inside: what it did is not undone by a rollback. */
  called: boolean;
}

const current = new AsyncLocalStorage<RetryOwner>();

async function asOwner<T>(kind: RetryOwner['kind'], fn: () => Promise<T>): Promise<T> {
  const owner: RetryOwner = { kind, over: false, called: false };
  try {
    return await current.run(owner, fn);
  } finally {
    owner.over = true;
  }
}

function nestedRetryError(): ConvergeError {
  return new ConvergeError(
    'a retry inside a retry would multiply the attempts: let the outer one own them, and call the inner function once',
    { code: 'NESTED_RETRY', category: 'configuration', certainty: 'not_applied' },
  );
}

function deadlineError(deadline: Date | undefined): ConvergeError {
  return new ConvergeError(
    `nothing was called: the caller's deadline ${deadline?.toISOString() ?? ''} had passed. Give the whole chain more time, or find the hop that used it up.`,
    { code: DEADLINE_PASSED, category: 'service', certainty: 'not_applied' },
  );
}

async function attempts<T>(fn: Attempting<T>, options: RetryOptions): Promise<T> {
  const { policy, clock, random, budget, classify = classifyError, onAttempt, signal } = options;
  const startedAt = clock.monotonic();
  const withinMs = Math.min(bound(policy.deadlineMs), leftMs(options.deadline, clock.now()));
  if (withinMs <= 0) throw deadlineError(options.deadline);
  let attempt = 1;
  let reruns = 0;
  let last: { readonly error: unknown } | undefined;
  for (;;) {
    signal?.throwIfAborted();
    if (options.admit !== undefined)
      await admitted(options.admit, withinMs - (clock.monotonic() - startedAt), signal, last);
    const begun = clock.monotonic();
    const restMs = withinMs - (begun - startedAt);
    const outcome = await runAttempt(fn, attempt, Math.min(policy.attemptTimeoutMs, restMs), options);
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
    const decision = affordable
      ? withBudgetLevel(wanted, budget)
      : ({ kind: 'give_up', reason: 'budget' } as const);
    onAttempt?.({ ...report, failure, decision });
    if (decision.kind === 'give_up') throw outcome.error;
    last = outcome;
    if (decision.kind === 'rerun') reruns += 1;
    else attempt += 1;
    await clock.sleep(decision.wait.computedMs, signal);
  }
}

/** Waits for the admission of an attempt. An error of an earlier attempt says more than the refusal of the next one. */
async function admitted(
  admit: (withinMs: number) => Promise<void>,
  withinMs: number,
  signal: AbortSignal | undefined,
  last: { readonly error: unknown } | undefined,
): Promise<void> {
  await admit(withinMs).catch((refusal: unknown) => {
    signal?.throwIfAborted();
    throw last === undefined ? refusal : last.error;
  });
  signal?.throwIfAborted();
}

/** Adds the remaining budget to a decision. A rerun costs nothing. */
function withBudgetLevel(decision: RetryDecision, budget: RetryBudget | undefined): RetryDecision {
  if (decision.kind !== 'again' || budget === undefined) return decision;
  return { kind: 'again', wait: { ...decision.wait, budgetLeft: budget.level } };
}

type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

async function runAttempt<T>(
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
    if (ended.signal.aborted) return { ok: false, error: undefined };
    const error = new DOMException(`attempt ${attempt} took longer than ${timeoutMs} ms`, 'TimeoutError');
    own.abort(error);
    return { ok: false, error };
  });
  try {
    return await Promise.race([work, late, aborted(signal, ended.signal)]);
  } finally {
    ended.abort('ended');
  }
}

/** Rejects when the caller aborts, even if `fn` ignores its signal. */
function aborted(signal: AbortSignal | undefined, ended: AbortSignal): Promise<Outcome<never>> {
  const { promise, resolve } = Promise.withResolvers<Outcome<never>>();
  const onAbort = (): void => resolve({ ok: false, error: signal?.reason });
  signal?.addEventListener('abort', onAbort, { once: true, signal: ended });
  return promise;
}
