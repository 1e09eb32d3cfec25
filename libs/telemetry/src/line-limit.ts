import type { Clock } from '@convergekit/core';

/** The lines of one kind that a minute may have. */
const MOST = 100;
const WINDOW_MS = 60_000;
/** The kinds that are remembered; a kind has the code of a failure in its name, and a consumer's the topic or handler. */
const MOST_KINDS = 1_000;

interface Window {
  readonly beganAt: number;
  lines: number;
  leftOut: number;
}

/** What a line says about those that were left out. */
export interface LineNote {
  /** The lines of this kind that were left out since the last one. Absent: none. */
  readonly leftOut?: number;
  /** The time for which further ones are left out, in milliseconds. Absent: they are not. */
  readonly quietMs?: number;
}

/**
 * Bounds the lines in the log about failing events and halted topics. A flood of unreadable records costs counters, not the disk of the log:
 * dead letters are in their table, attempts in their metrics.
 */
export class LineLimit {
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns what to add to the next line of a kind, or undefined when it is left out. */
  take(kind: string): LineNote | undefined {
    const now = this.#clock.monotonic();
    let window = this.#windows.get(kind);
    const before = window?.leftOut ?? 0;
    if (window === undefined || now - window.beganAt >= WINDOW_MS) {
      if (this.#windows.size >= MOST_KINDS) this.#windows.clear();
      window = { beganAt: now, lines: 0, leftOut: 0 };
      this.#windows.set(kind, window);
    }
    if (window.lines >= MOST) {
      window.leftOut += 1;
      return undefined;
    }
    window.lines += 1;
    return {
      ...(window.lines === 1 && before > 0 ? { leftOut: before } : {}),
      ...(window.lines === MOST ? { quietMs: Math.ceil(WINDOW_MS - (now - window.beganAt)) } : {}),
    };
  }
}
