import { cappedMs, type Backoff } from '@convergekit/core/engine';

/** The code of a call that a breaker rejected. Nothing was called, and it counts as no attempt. */
export const BREAKER_OPEN = 'BREAKER_OPEN';

/** Thresholds of a circuit breaker, as plain data. Rates are from 0 to 1, durations in milliseconds. */
export interface BreakerSettings {
  /** The breaker evaluates calls that ended within this window. */
  readonly windowMs: number;
  /** The number of calls in the window below which the breaker stays closed. */
  readonly minimumCalls: number;
  /** The share of failed calls at which the breaker opens. */
  readonly failureRate: number;
  /** A call that takes longer counts as slow, even when it succeeds. */
  readonly slowCallMs: number;
  /** The share of slow calls at which the breaker opens. */
  readonly slowRate: number;
  /** The open time: longer at each reopening, with jitter in its upper half. */
  readonly open: Backoff;
}

export const defaultBreaker: BreakerSettings = Object.freeze({
  windowMs: 10_000,
  minimumCalls: 20,
  failureRate: 0.5,
  slowCallMs: 5_000,
  slowRate: 0.9,
  // A few probes every four seconds cost the dependency nothing; a longer open time would delay recovery.
  open: Object.freeze({ baseMs: 1_000, factor: 2, capMs: 4_000 }),
});

/** The number of concurrent probes after the open time; as many successes close the breaker. */
export const PROBES = 3;
/** A probe that has not ended within this time, in milliseconds, counts as failed: the dependency hangs. */
export const PROBE_LEASE_MS = 10_000;

/** A call through a half-open breaker. Compared by identity, so a late probe of an earlier period changes nothing. */
export interface Probe {
  /** The time when an unfinished probe counts as failed. */
  readonly expiresAt: number;
}

interface Bucket {
  readonly startMs: number;
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
}

/**
 * The state of a circuit breaker:
 * closed     every call passes and is counted
 *    ↓ too many calls fail or are slow
 * open       no call passes until `untilMs`
 *    ↓ the time is over
 * half_open  a few probes pass; a failed or hanging probe → open for longer, enough successes → closed
 * isolated   set by an operator: no call passes until the operator restores it
 */
export type BreakerState =
  | { readonly kind: 'closed'; readonly buckets: readonly Bucket[] }
  | { readonly kind: 'open'; readonly untilMs: number; readonly openings: number }
  | {
      readonly kind: 'half_open';
      readonly openings: number;
      readonly succeeded: number;
      readonly probes: readonly Probe[];
    }
  | { readonly kind: 'isolated' };

export const closedBreaker: BreakerState = Object.freeze({ kind: 'closed', buckets: Object.freeze([]) });

export type Admission =
  | { readonly admitted: true; readonly state: BreakerState; readonly probe: Probe | undefined }
  | { readonly admitted: false; readonly state: BreakerState; readonly retryAfterMs: number };

/** Retry delay reported while isolated: the end of an isolation is not known. */
const ISOLATED_RETRY_MS = 1_000;

export interface JudgeContext {
  /** A monotonic time in milliseconds. */
  readonly now: number;
  readonly random: () => number;
  readonly settings: BreakerSettings;
}

/** Decides whether a call may pass now. */
export function admit(state: BreakerState, judging: JudgeContext): Admission {
  const { now, random, settings } = judging;
  switch (state.kind) {
    case 'closed':
      return { admitted: true, state, probe: undefined };
    case 'isolated':
      return { admitted: false, state, retryAfterMs: ISOLATED_RETRY_MS };
    case 'open': {
      if (now < state.untilMs) return { admitted: false, state, retryAfterMs: state.untilMs - now };
      const { openings } = state;
      return admit({ kind: 'half_open', openings, succeeded: 0, probes: [] }, judging);
    }
    case 'half_open': {
      const { probes, succeeded, openings } = state;
      if (probes.some(({ expiresAt }) => expiresAt <= now))
        return admit(openBreaker(openings + 1, now, random, settings), judging);
      // No more probes than closing needs: a late success must not let a burst pass earlier.
      if (probes.length + succeeded >= PROBES) {
        const first = Math.min(...probes.map(({ expiresAt }) => expiresAt));
        return { admitted: false, state, retryAfterMs: first - now };
      }
      const probe = { expiresAt: now + PROBE_LEASE_MS };
      return { admitted: true, state: { ...state, probes: [...probes, probe] }, probe };
    }
  }
}

/** Returns the number of calls that a breaker would admit now; Infinity while it is closed. Pure. */
export function roomOf(state: BreakerState, now: number): number {
  switch (state.kind) {
    case 'closed':
      return Number.POSITIVE_INFINITY;
    case 'isolated':
      return 0;
    case 'open':
      return now < state.untilMs ? 0 : PROBES;
    case 'half_open': {
      const { probes, succeeded } = state;
      // A hanging probe never ends: the next call finds that, and opens the breaker again.
      if (probes.some(({ expiresAt }) => expiresAt <= now)) return 1;
      return PROBES - succeeded - probes.length;
    }
  }
}

export interface CallResult {
  /** The probe of the admission; undefined for a call through a closed breaker. */
  readonly probe: Probe | undefined;
  readonly outcome: CallOutcome;
  readonly durationMs: number;
}

/** The outcome for the breaker. `not_called`: one of our own guards rejected the call (a full bulkhead, a deadline). */
export type CallOutcome = 'succeeded' | 'failed' | 'not_called';

/** Records a call that has ended. A result from before the last opening changes nothing. */
export function recordResult(
  state: BreakerState,
  { probe, outcome, durationMs }: CallResult,
  { now, random, settings }: JudgeContext,
): BreakerState {
  const slow = durationMs > settings.slowCallMs;
  const failed = outcome === 'failed';
  switch (state.kind) {
    case 'closed': {
      if (probe !== undefined || outcome === 'not_called') return state;
      const buckets = addToWindow(state.buckets, { failed, slow }, now, settings.windowMs);
      return exceedsRates(buckets, settings)
        ? openBreaker(1, now, random, settings)
        : { kind: 'closed', buckets };
    }
    case 'half_open': {
      if (probe === undefined || !state.probes.includes(probe)) return state;
      const probes = state.probes.filter((other) => other !== probe);
      if (outcome === 'not_called') return { ...state, probes };
      if (failed || slow || probe.expiresAt <= now)
        return openBreaker(state.openings + 1, now, random, settings);
      const succeeded = state.succeeded + 1;
      return succeeded >= PROBES ? closedBreaker : { ...state, succeeded, probes };
    }
    case 'open':
    case 'isolated':
      return state;
  }
}

/** The window has ten buckets, so a busy breaker stores ten numbers instead of every call. */
const BUCKETS = 10;

function addToWindow(
  buckets: readonly Bucket[],
  call: { readonly failed: boolean; readonly slow: boolean },
  now: number,
  windowMs: number,
): readonly Bucket[] {
  const width = windowMs / BUCKETS;
  const startMs = Math.floor(now / width) * width;
  const recent = buckets.filter((bucket) => bucket.startMs > now - windowMs && bucket.startMs !== startMs);
  const current = buckets.find((bucket) => bucket.startMs === startMs);
  return [
    ...recent,
    {
      startMs,
      calls: (current?.calls ?? 0) + 1,
      failures: (current?.failures ?? 0) + Number(call.failed),
      slow: (current?.slow ?? 0) + Number(call.slow),
    },
  ];
}

function exceedsRates(buckets: readonly Bucket[], settings: BreakerSettings): boolean {
  let [calls, failures, slow] = [0, 0, 0];
  for (const bucket of buckets) {
    calls += bucket.calls;
    failures += bucket.failures;
    slow += bucket.slow;
  }
  if (calls < settings.minimumCalls) return false;
  return failures >= settings.failureRate * calls || slow >= settings.slowRate * calls;
}

function openBreaker(
  openings: number,
  now: number,
  random: () => number,
  { open }: BreakerSettings,
): BreakerState {
  const most = cappedMs(open, openings);
  // Half of the open time is fixed: full jitter would sometimes reopen the breaker at once.
  return { kind: 'open', openings, untilMs: now + most / 2 + (random() * most) / 2 };
}
