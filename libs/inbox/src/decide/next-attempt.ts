import { type Backoff, type Category, delayMs, type Failure } from '@converge/resilience';
import type { Random } from '@converge/runtime';

/** How often and how long one event is tried in place before it is given up. Short: it holds its partition. */
export interface InPlacePolicy {
  /** Attempts in all. @default 3 */
  readonly attempts: number;
  /** Milliseconds from the first attempt, waits included, after which no other begins. @default 2_000 */
  readonly withinMs: number;
  /** @default base 50 ms, doubling, up to 1 s */
  readonly backoff: Backoff;
  /** Reruns that the database asked for, before they are taken for attempts. @default 50 */
  readonly reruns: number;
}

export const defaultInPlace: InPlacePolicy = Object.freeze({
  attempts: 3,
  withinMs: 2_000,
  backoff: Object.freeze({ baseMs: 50, factor: 2, capMs: 1_000 }),
  reruns: 50,
});

export interface Tried {
  /** Failed attempts so far, this one included; reruns are not among them. */
  readonly attempts: number;
  readonly reruns: number;
  /** Milliseconds since the first attempt began. */
  readonly elapsedMs: number;
}

export type NextAttempt =
  | { readonly kind: 'retry'; readonly delayMs: number }
  /** The same again; the database asked for it, so it is no attempt. */
  | { readonly kind: 'rerun'; readonly delayMs: number }
  | { readonly kind: 'dead_letter' }
  /** No event is at fault: nothing of this consumer can work until somebody mends a setting. */
  | { readonly kind: 'stop' };

/** Throttled calls wait longer from the start. */
const throttleBaseMs = 1_000;

/** What follows a failed attempt. Pure; `random` draws the jitter. */
export function nextAttempt(
  failure: Failure,
  tried: Tried,
  policy: InPlacePolicy,
  random: Random,
): NextAttempt {
  switch (failure.category) {
    case 'configuration':
      return { kind: 'stop' };
    case 'data':
    case 'business':
      return { kind: 'dead_letter' };
    case 'contention':
      if (tried.reruns < policy.reruns)
        return { kind: 'rerun', delayMs: delayMs(policy.backoff, Math.min(tried.reruns + 1, 8), random) };
      return again(failure, tried, policy, random);
    case 'network':
    case 'throttle':
    case 'service':
    case 'bug':
      return again(failure, tried, policy, random);
  }
}

function again(failure: Failure, tried: Tried, policy: InPlacePolicy, random: Random): NextAttempt {
  if (tried.attempts >= policy.attempts) return { kind: 'dead_letter' };
  const wait = waitMs(failure, tried, policy, random);
  return tried.elapsedMs + wait > policy.withinMs
    ? { kind: 'dead_letter' }
    : { kind: 'retry', delayMs: wait };
}

function waitMs(
  { category, retryAfterMs }: { readonly category: Category; readonly retryAfterMs?: number },
  { attempts }: Tried,
  { backoff }: InPlacePolicy,
  random: Random,
): number {
  const throttled: Backoff = { ...backoff, baseMs: Math.max(backoff.baseMs, throttleBaseMs) };
  const own = delayMs(category === 'throttle' ? throttled : backoff, attempts, random);
  // What the other side asked for is honoured within [own, own + 5 s]; a longer wish ends the attempts in place.
  return retryAfterMs === undefined ? own : Math.min(Math.max(own, retryAfterMs), own + 5_000);
}
