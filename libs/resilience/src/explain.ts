import { cappedMs } from './backoff.ts';
import type { Policy } from './policy.ts';
import { THROTTLE_BASE_MS } from './wait.ts';

/** What a policy means, in lines for a person: each attempt with its wait, and the longest that all can take. */
export function explain(policy: Policy): readonly string[] {
  const { attempts, backoff, attemptTimeoutMs, deadlineMs } = policy;
  const lines = [`attempt 1: at once, at most ${duration(attemptTimeoutMs)}`];
  let waits = 0;
  for (let attempt = 2; attempt <= attempts; attempt += 1) {
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
  const longest = Math.min(deadlineMs, waits + attempts * attemptTimeoutMs);
  lines.push(
    `no attempt begins after ${duration(deadlineMs)}; it gives up after ${duration(longest)} at the latest`,
  );
  return lines;
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${Number((ms / 1_000).toFixed(2))} s`;
}
