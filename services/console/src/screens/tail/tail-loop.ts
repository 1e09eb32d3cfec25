import type { TailEvent } from '@convergekit/outbox/engine';
import type { Clock } from '@convergekit/core';

/** The time between two reads, in milliseconds. */
const EVERY_MS = 250;
/** Events of one read at most: with a read every 250 ms, 200 in a second. More are sampled evenly. */
const MOST = 50;

/** What one read of all databases found. */
export interface Batch {
  readonly events: readonly (TailEvent & { readonly database: string })[];
  /** The number of events that match; `events` is a sample where it is lower. */
  readonly matching: number;
  /** Databases that could not be read. */
  readonly unread: readonly string[];
}

/** What a browser gets of a read. */
export interface Frame extends Batch {
  readonly at: Date;
  /** Matching events in a second, since the read before. */
  readonly perSecond: number;
  readonly sampled: boolean;
}

export interface TailParts {
  /** Reads what was committed since the read before, at most `most` events of it. */
  readonly read: (most: number) => Promise<Batch>;
  /** Resolves when the browser has taken the frame: until then nothing more is read. */
  readonly write: (frame: Frame) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Reads and writes until the signal. One frame at a time is in memory, however slow the browser is: what is committed meanwhile
 * is one sample of the next read.
 */
export async function runTail({ read, write, clock, signal }: TailParts): Promise<void> {
  let before = clock.now();
  for (;;) {
    await clock.sleep(EVERY_MS, signal);
    if (signal.aborted) return;
    const batch = await read(MOST);
    const now = clock.now();
    await write(frameOf(batch, { before, now }));
    before = now;
  }
}

/** Makes the frame of a read. Pure. */
export function frameOf(
  batch: Batch,
  { before, now }: { readonly before: number; readonly now: number },
): Frame {
  const seconds = Math.max(now - before, 1) / 1_000;
  return {
    ...batch,
    at: new Date(now),
    perSecond: Math.round((batch.matching / seconds) * 10) / 10,
    sampled: batch.matching > batch.events.length,
  };
}
