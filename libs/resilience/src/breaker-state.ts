import { cappedMs, type Backoff } from './backoff.ts';

/** The code of a call that a breaker did not let through: nothing was called, and no attempt is counted. */
export const BREAKER_OPEN = 'BREAKER_OPEN';

/** When a circuit breaker opens and closes, as plain data. Rates from 0 to 1, durations in milliseconds. */
export interface BreakerSettings {
  /** What is judged: calls that ended within so long. */
  readonly windowMs: number;
  /** Fewer calls than that in the window are no evidence. */
  readonly minimumCalls: number;
  readonly failureRate: number;
  /** A call that takes longer counts as slow, also when it succeeds. */
  readonly slowCallMs: number;
  readonly slowRate: number;
  /** Calls let through at a time when the open time is over; as many successes in a row close it. */
  readonly probes: number;
  /** A probe that has not ended within so long counts as failed: the dependency hangs. */
  readonly probeLeaseMs: number;
  /** How long it stays open: longer at each reopening, with jitter in the upper half. */
  readonly open: Backoff;
}

export const defaultBreaker: BreakerSettings = Object.freeze({
  windowMs: 10_000,
  minimumCalls: 20,
  failureRate: 0.5,
  slowCallMs: 5_000,
  slowRate: 0.9,
  probes: 3,
  probeLeaseMs: 10_000,
  // A few probes every four seconds cost a dependency nothing; a longer pause would be paid for by its recovery.
  open: Object.freeze({ baseMs: 1_000, factor: 2, capMs: 4_000 }),
});

/** A call on its way through a half-open breaker. Compared by identity: a late one of an earlier time is no other's. */
export interface Probe {
  /** When it counts as failed. */
  readonly expiresAt: number;
}

interface Bucket {
  readonly startMs: number;
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
}

/**
 * closed     every call goes through and is counted
 *    ↓ too many of them fail, or are slow
 * open       none goes through until `untilMs`
 *    ↓ the time is over
 * half_open  a few probes; one that fails or hangs → open for longer, enough successes → closed
 * isolated   an operator's: none goes through until they lift it
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

/** An isolated breaker cannot say when; callers look again after so long. */
const LOOK_AGAIN_MS = 1_000;

export interface Judging {
  /** A monotonic time, milliseconds. */
  readonly now: number;
  readonly random: () => number;
  readonly settings: BreakerSettings;
}

/** Decides whether a call may go through now. */
export function admit(state: BreakerState, judging: Judging): Admission {
  const { now, random, settings } = judging;
  switch (state.kind) {
    case 'closed':
      return { admitted: true, state, probe: undefined };
    case 'isolated':
      return { admitted: false, state, retryAfterMs: LOOK_AGAIN_MS };
    case 'open': {
      if (now < state.untilMs) return { admitted: false, state, retryAfterMs: state.untilMs - now };
      const { openings } = state;
      return admit({ kind: 'half_open', openings, succeeded: 0, probes: [] }, judging);
    }
    case 'half_open': {
      const { probes, succeeded, openings } = state;
      // The number of probes may have been lowered meanwhile.
      if (succeeded >= settings.probes) return admit(closedBreaker, judging);
      if (probes.some(({ expiresAt }) => expiresAt <= now))
        return admit(opened(openings + 1, now, random, settings), judging);
      // No more than are needed to close it: one that succeeds late must not let a burst through before.
      if (probes.length + succeeded >= settings.probes) {
        const first = Math.min(...probes.map(({ expiresAt }) => expiresAt));
        return { admitted: false, state, retryAfterMs: first - now };
      }
      const probe = { expiresAt: now + settings.probeLeaseMs };
      return { admitted: true, state: { ...state, probes: [...probes, probe] }, probe };
    }
  }
}

export interface CallResult {
  /** From the admission; undefined for a call of a closed breaker. */
  readonly probe: Probe | undefined;
  readonly outcome: CallOutcome;
  readonly durationMs: number;
}

/** `not_called`: a guard of our own refused it (a full bulkhead, a deadline), which says nothing of the dependency. */
export type CallOutcome = 'succeeded' | 'failed' | 'not_called';

/** Counts a call that has ended. Results of an earlier time (admitted before it opened) change nothing. */
export function settleCall(
  state: BreakerState,
  { probe, outcome, durationMs }: CallResult,
  { now, random, settings }: Judging,
): BreakerState {
  const slow = durationMs > settings.slowCallMs;
  const failed = outcome === 'failed';
  switch (state.kind) {
    case 'closed': {
      if (probe !== undefined || outcome === 'not_called') return state;
      const buckets = counted(state.buckets, { failed, slow }, now, settings.windowMs);
      return isTooMuch(buckets, settings) ? opened(1, now, random, settings) : { kind: 'closed', buckets };
    }
    case 'half_open': {
      if (probe === undefined || !state.probes.includes(probe)) return state;
      const probes = state.probes.filter((other) => other !== probe);
      if (outcome === 'not_called') return { ...state, probes };
      if (failed || slow || probe.expiresAt <= now) return opened(state.openings + 1, now, random, settings);
      const succeeded = state.succeeded + 1;
      return succeeded >= settings.probes ? closedBreaker : { ...state, succeeded, probes };
    }
    case 'open':
    case 'isolated':
      return state;
  }
}

/** The window is kept in tenths, so that a busy breaker holds ten numbers and not each call. */
const BUCKETS = 10;

function counted(
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

function isTooMuch(buckets: readonly Bucket[], settings: BreakerSettings): boolean {
  let [calls, failures, slow] = [0, 0, 0];
  for (const bucket of buckets) {
    calls += bucket.calls;
    failures += bucket.failures;
    slow += bucket.slow;
  }
  if (calls < settings.minimumCalls) return false;
  return failures >= settings.failureRate * calls || slow >= settings.slowRate * calls;
}

function opened(
  openings: number,
  now: number,
  random: () => number,
  { open }: BreakerSettings,
): BreakerState {
  const most = cappedMs(open, openings);
  // Half of it for sure: full jitter would sometimes reopen at once.
  return { kind: 'open', openings, untilMs: now + most / 2 + (random() * most) / 2 };
}
