/** Pause between polls while events come in, milliseconds. */
export const BUSY_MS = 1;

/** Empty polls in a row before the pause grows, where writers do not all notify. */
const EMPTY_BEFORE_SLOWER = 50;

export interface PollSettings {
  /** Pause between polls of an idle source that may have writers without notifications, milliseconds. @default 20 */
  readonly maxMs: number;
  /**
   * Pause between polls of an idle source whose writers all notify the relay, milliseconds. A notification ends it at
   * once. A quarter of it where the relay cannot listen. @default 1_000, or maxMs if that is longer
   */
  readonly idleMs: number;
}

/** The result of the last poll: nothing, a window, or a window larger than a page. */
export type PollOutcome = 'empty' | 'window' | 'full';

export interface PollPace {
  readonly empty: number;
  readonly pauseMs: number;
}

export const startPace: PollPace = { empty: 0, pauseMs: 0 };

/** What a pace depends on beside the outcome of polls. */
interface PollGuide {
  /** The longest pause, in milliseconds: above `maxMs` where every commit is expected to be announced. */
  readonly slowestMs: number;
  /** The time since the last window before this poll, in milliseconds. */
  readonly sinceWindowMs: number;
  /** Whether all events that were found had been announced. */
  readonly allAnnounced: boolean;
}

/**
 * Computes the next pace: at once after a full page, `BUSY_MS` while events come. Then doubling to `maxMs`; or, where
 * `slowestMs` allows more, from a quarter of `idleMs` doubling to it.
 */
export function nextPace(
  pace: PollPace,
  outcome: PollOutcome,
  { maxMs, idleMs }: PollSettings,
  { slowestMs, sinceWindowMs, allAnnounced }: PollGuide,
): PollPace {
  const isSlow = slowestMs > maxMs;
  switch (outcome) {
    case 'full':
      return { empty: 0, pauseMs: 0 };
    case 'window':
      // A window that was announced, or came after a pause, is likely to be the only one: a notification announces the next.
      return {
        empty: 0,
        pauseMs: isSlow && (allAnnounced || sinceWindowMs > maxMs) ? idleMs / 4 : BUSY_MS,
      };
    case 'empty': {
      const empty = pace.empty + 1;
      if (isSlow) return { empty, pauseMs: Math.min(slowestMs, Math.max(idleMs / 4, pace.pauseMs * 2)) };
      if (empty <= EMPTY_BEFORE_SLOWER) return { empty, pauseMs: BUSY_MS };
      return { empty, pauseMs: Math.min(maxMs, Math.max(BUSY_MS, pace.pauseMs) * 2) };
    }
  }
}

/** Decides whether a look at the snapshot goes before the poll: where an idle relay polls often. */
export function looksFirst(
  { empty }: PollPace,
  { maxMs }: PollSettings,
  { slowestMs }: Pick<PollGuide, 'slowestMs'>,
): boolean {
  return slowestMs <= maxMs && empty > EMPTY_BEFORE_SLOWER;
}

/**
 * The number of rows that a statement may return, from the size of events. A page of the largest events must not be
 * gigabytes. The size starts small, grows at most twofold a page, and falls at once.
 */
export class PageSize {
  readonly #most: number;
  readonly #bytes: number;
  #rows: number;

  constructor(mostRows: number, pageBytes: number) {
    this.#most = mostRows;
    this.#bytes = pageBytes;
    this.#rows = Math.min(mostRows, 500);
  }

  get rows(): number {
    return this.#rows;
  }

  saw(events: number, bytes: number): void {
    if (events === 0) return;
    const fits = Math.floor(this.#bytes / (bytes / events));
    this.#rows = Math.max(1, Math.min(this.#most, this.#rows * 2, fits));
  }
}
