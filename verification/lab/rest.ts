import type { Clock } from '@convergekit/core';
import { reasonOf } from '../programs.ts';
import type { Look, Part } from './types.ts';

export interface RestOptions {
  readonly look: () => Promise<Look>;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly signal: AbortSignal;
  /** The time without change before the system counts as stuck, in milliseconds. */
  readonly noProgressMs: number;
  /** The time in all, in milliseconds. @default no limit */
  readonly withinMs?: number;
  readonly onLook?: (look: Look) => void;
}

/** Waits while there is progress: fewer things open than ever before, or more records read. At rest, nothing is open. */
export async function untilRest(options: RestOptions) {
  const { look, clock, signal, noProgressMs, withinMs = Infinity, onLook } = options;
  const began = clock.monotonic();
  let fewest = Infinity;
  let most = -1;
  let movedAt = began;
  for (;;) {
    signal.throwIfAborted();
    const now = await look();
    if (now.waitingFor === undefined) return { atRest: true, look: now };
    if (now.open < fewest || now.read > most) movedAt = clock.monotonic();
    fewest = Math.min(fewest, now.open);
    most = Math.max(most, now.read);
    const late = clock.monotonic() - movedAt > noProgressMs || clock.monotonic() - began > withinMs;
    if (late) return { atRest: false, look: now };
    onLook?.(now);
    await clock.sleep(200, signal);
  }
}

/** Looks at all parts, and adds what is open. */
export async function lookAtAll(parts: readonly Pick<Part, 'look'>[]): Promise<Look> {
  const looks = await Promise.all(parts.map((part) => part.look()));
  return {
    waitingFor: looks.find(({ waitingFor }) => waitingFor !== undefined)?.waitingFor,
    open: looks.reduce((sum, { open }) => sum + open, 0),
    read: looks.reduce((sum, { read }) => sum + read, 0),
  };
}

/** Maps a failed look to no progress: a broker that was just restarted has no leaders yet. */
export function unanswered(error: unknown): Look {
  return { waitingFor: `an answer (${reasonOf(error)})`, open: Infinity, read: -1 };
}
