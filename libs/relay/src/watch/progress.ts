import type { Pulse } from './activity.ts';

/** The facts of a leader that the watchdog judges; monotonic milliseconds. */
export interface LeaderProgress {
  /** The time when the leadership ended while its loops continued. */
  readonly overSince: number | undefined;
  readonly reads: Pulse;
  readonly writes: Pulse;
  readonly produce: Pulse;
  /** Events that wait to be sent, and the time since when some wait without a break; undefined: none waits. */
  readonly queued: number;
  readonly waitingSince: number | undefined;
  /** The lease allows sending. */
  readonly maySend: boolean;
  /** The time of the oldest acknowledged position that is not saved; undefined: all are saved. */
  readonly unsavedSince: number | undefined;
}

/** No look at the loops later than this, in milliseconds: the process was frozen, or its machine slept. */
const FROZEN_MS = 5_000;

/** The time since which a process runs without a break: its loops are judged by the time that they had. */
export class Awake {
  #lookedAt: number;
  #since = Number.NEGATIVE_INFINITY;

  constructor(now: number) {
    this.#lookedAt = now;
  }

  /** Looks at the time, twice a second in a process that runs. Monotonic milliseconds, as everywhere here. */
  look(now: number): void {
    if (now > this.#lookedAt + FROZEN_MS) this.#since = now;
    this.#lookedAt = now;
  }

  /** Returns the time since which something lasted that a running process could have ended. */
  within(since: number): number {
    return Math.max(since, this.#since);
  }
}

/** Decides why a standby makes no progress; undefined: it looks at the lease. Pure. */
export function stallOfStandby(lookedAt: number, now: number, limitMs: number): string | undefined {
  return over(now - lookedAt, limitMs, 'it has not looked at the lease');
}

/**
 * Decides why a leader makes no progress although it has work; undefined: it makes progress. Pure.
 * A broker or database that refuses is no stall: each refusal is an answer, and the loops continue. A leader always has
 * something to read: it polls every few milliseconds, also while nothing can be sent. Events and positions count from
 * when they came, since an idle leader sends and saves nothing.
 */
export function stallOfLeader(leader: LeaderProgress, now: number, limitMs: number): string | undefined {
  const { overSince, reads, writes, produce, queued, waitingSince, maySend, unsavedSince } = leader;
  if (overSince !== undefined)
    return over(now - overSince, limitMs, 'the leadership is over and its loops have not ended');
  const silent = (
    { pendingSince }: Pulse,
    pending: string,
    since: number,
    idle: string,
  ): string | undefined =>
    pendingSince === undefined
      ? over(now - since, limitMs, idle)
      : over(now - pendingSince, limitMs, pending);
  return (
    silent(reads, 'reading: a statement has no answer', reads.lastAt, 'reading: no statement was made') ??
    (waitingSince !== undefined && maySend
      ? silent(
          produce,
          'sending: a produce has no answer',
          Math.max(produce.lastAt, waitingSince),
          `sending: ${queued} events wait`,
        )
      : undefined) ??
    (unsavedSince === undefined
      ? undefined
      : silent(writes, 'saving positions: a statement has no answer', unsavedSince, 'positions wait'))
  );
}

function over(ms: number, limitMs: number, what: string): string | undefined {
  return ms > limitMs ? `${what} for ${Math.round(ms / 1_000)} s` : undefined;
}
