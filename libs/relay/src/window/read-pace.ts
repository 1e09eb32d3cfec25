export interface PollSettings {
  /** Pause between polls while events come in, milliseconds. @default 1 */
  readonly minMs: number;
  /** Pause between polls of an idle source, milliseconds. @default 20 */
  readonly maxMs: number;
  /** Empty polls in a row before the pause grows. @default 50 */
  readonly emptyBeforeSlower: number;
}

/** The result of the last poll: nothing, a window, or a window larger than a page. */
export type PollOutcome = 'empty' | 'window' | 'full';

export interface PollPace {
  readonly empty: number;
  readonly pauseMs: number;
}

export const startPace: PollPace = { empty: 0, pauseMs: 0 };

/** Computes the next pace: at once after a full page, `minMs` while events come, then doubling to `maxMs`. */
export function nextPace(pace: PollPace, outcome: PollOutcome, settings: PollSettings): PollPace {
  switch (outcome) {
    case 'full':
      return { empty: 0, pauseMs: 0 };
    case 'window':
      return { empty: 0, pauseMs: settings.minMs };
    case 'empty': {
      const empty = pace.empty + 1;
      if (empty <= settings.emptyBeforeSlower) return { empty, pauseMs: settings.minMs };
      return { empty, pauseMs: Math.min(settings.maxMs, Math.max(settings.minMs, pace.pauseMs) * 2) };
    }
  }
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
