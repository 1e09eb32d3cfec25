import type { Pulse } from './activity.ts';

/** The facts of a leader that the watchdog judges; monotonic milliseconds. */
export interface LeaderProgress {
  /** The time when the leadership ended while its loops continued. */
  readonly overSince: number | undefined;
  readonly reads: Pulse;
  readonly writes: Pulse;
  readonly produce: Pulse;
  /** Events that wait to be sent. */
  readonly queued: number;
  /** The lease allows sending. */
  readonly maySend: boolean;
  /** Acknowledged positions that are not saved. */
  readonly unsaved: number;
}

/** Decides why a standby makes no progress; undefined: it looks at the lease. Pure. */
export function stallOfStandby(lookedAt: number, now: number, limitMs: number): string | undefined {
  return over(now - lookedAt, limitMs, 'it has not looked at the lease');
}

/**
 * Decides why a leader makes no progress although it has work; undefined: it makes progress. Pure.
 * A broker or database that refuses is no stall: each refusal is an answer, and the loops continue. A leader always has
 * something to read: it polls every few milliseconds, also while nothing can be sent.
 */
export function stallOfLeader(leader: LeaderProgress, now: number, limitMs: number): string | undefined {
  const { overSince, reads, writes, produce, queued, maySend, unsaved } = leader;
  if (overSince !== undefined)
    return over(now - overSince, limitMs, 'the leadership is over and its loops have not ended');
  return (
    silence('reading: a statement has no answer', 'reading: no statement was made', reads, now, limitMs) ??
    (queued > 0 && maySend
      ? silence('sending: a produce has no answer', `sending: ${queued} events wait`, produce, now, limitMs)
      : undefined) ??
    (unsaved > 0
      ? silence('saving positions: a statement has no answer', 'positions wait', writes, now, limitMs)
      : undefined)
  );
}

function silence(
  pending: string,
  idle: string,
  { lastAt, pendingSince }: Pulse,
  now: number,
  limitMs: number,
): string | undefined {
  return pendingSince === undefined
    ? over(now - lastAt, limitMs, idle)
    : over(now - pendingSince, limitMs, pending);
}

function over(ms: number, limitMs: number, what: string): string | undefined {
  return ms > limitMs ? `${what} for ${Math.round(ms / 1_000)} s` : undefined;
}
