import { cappedMs } from '@convergekit/core/engine';
import { bound, defaultGiveUp, type GiveUpRules, type Policy } from './policy.ts';
import { RETRY_COSTS } from './retry-budget.ts';
import { THROTTLE_BASE_MS } from './wait.ts';

/**
 * Explains a policy in lines of text: attempts with their waits, the longest total time, the guards. `inPlaceMs`: it is of a
 * consumer's handler, whose attempts in place end after this time, in milliseconds.
 */
export function explain(policy: Policy, inPlaceMs?: number): readonly string[] {
  if (inPlaceMs !== undefined) return explainInPlace(policy, inPlaceMs);
  const { attemptTimeoutMs, budget, breaker } = policy;
  const attempts = bound(policy.attempts);
  const deadlineMs = bound(policy.deadlineMs);
  const { lines, waits } = attemptLines(policy);
  const longest = Math.min(deadlineMs, waits + attempts * attemptTimeoutMs);
  return [
    ...lines,
    deadlineMs === Number.POSITIVE_INFINITY
      ? 'without a bound on time: it never gives up'
      : `no attempt begins after ${duration(deadlineMs)}; it gives up after ${duration(longest)} at the latest`,
    budget.capacity === 'unbounded'
      ? 'retries are not paid for: a failing dependency gets all of them'
      : `retries of the dependency: ${budget.capacity} tokens, ${RETRY_COSTS.transient} a retry (${RETRY_COSTS.throttle} when throttled), each success brings 1 back`,
    `the breaker opens at ${percent(breaker.failureRate)} failed or ${percent(breaker.slowRate)} slower than ${duration(breaker.slowCallMs)} of at least ${breaker.minimumCalls} calls in ${duration(breaker.windowMs)}; for ${duration(breaker.open.baseMs)} at first, up to ${duration(breaker.open.capMs)}`,
  ];
}

function explainInPlace(policy: Policy, inPlaceMs: number): readonly string[] {
  const withinMs = Math.min(bound(policy.deadlineMs), inPlaceMs);
  return [
    ...attemptLines(policy).lines,
    `in place no attempt begins later than ${duration(withinMs)} after the first, because the partition waits meanwhile`,
    'then the disposition of the failure decides: its key is parked and retried (parking.schedule), or it is a dead letter or a rejection',
    ...giveUpLines(policy.giveUp ?? defaultGiveUp),
  ];
}

function giveUpLines({ afterMs, perHour }: GiveUpRules): readonly string[] {
  const fails = 'an event that fails by a bug or a structural failure';
  return [
    afterMs === 0
      ? `${fails} is given up after its attempts in place (giveUp.afterMs 0)`
      : `${fails} is parked, and tried over at least ${duration(afterMs)} before it is given up (giveUp.afterMs)`,
    perHour === 'unbounded'
      ? 'there is no limit on such events: a wrong deployment compensates all that it meets (giveUp.perHour unbounded)'
      : `the consumer gives up at most ${perHour} such events, and events of refused data, an hour, since each is compensated; then it pauses until \`converge consumers resume\` (giveUp.perHour)`,
  ];
}

function attemptLines(policy: Policy): { readonly lines: string[]; readonly waits: number } {
  const { backoff, attemptTimeoutMs } = policy;
  const attempts = bound(policy.attempts);
  const lines = [`attempt 1: at once, at most ${duration(attemptTimeoutMs)}`];
  let waits = 0;
  const shown = Math.min(attempts, MOST_SHOWN);
  for (let attempt = 2; attempt <= shown; attempt += 1) {
    const most = cappedMs(backoff, attempt - 1);
    const throttled = cappedMs(
      { ...backoff, baseMs: Math.max(backoff.baseMs, THROTTLE_BASE_MS) },
      attempt - 1,
    );
    waits += most;
    lines.push(
      `attempt ${attempt}: after 0 to ${duration(most)} (0 to ${duration(throttled)} when throttled), at most ${duration(attemptTimeoutMs)}`,
    );
  }
  if (attempts > shown)
    lines.push(
      `and so on, ${attempts === Number.POSITIVE_INFINITY ? 'without a bound on attempts' : `${attempts} attempts in all`}`,
    );
  return { lines, waits };
}

/** Number of attempts listed; more lines would repeat the same values. */
const MOST_SHOWN = 20;

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${Number((ms / 1_000).toFixed(2))} s`;
}
