import { LowestId, type Tick } from '../window/tick.ts';

/**
 * A walk over the windows, in order: the main one for all topics that flow, and one of its own for each topic that was
 * held and is being caught up. `done` is the last window that is wholly in the log, as far as this lane's topics go.
 */
export class Lane {
  /** undefined: every topic that is not on a lane of its own. */
  readonly topic: string | undefined;
  readonly lowest: LowestId;
  /** The last window that it reads; undefined: it goes on until it meets the main lane. */
  readonly until: bigint | undefined;
  #previous: Tick;
  #done: bigint;
  #open: OpenWindow[] = [];

  constructor(topic: string | undefined, from: Tick, lowestId: bigint, until?: bigint) {
    this.topic = topic;
    this.until = until;
    this.#previous = from;
    this.#done = from.number;
    this.lowest = new LowestId(lowestId);
  }

  /** The last window that was begun. */
  get previous(): Tick {
    return this.#previous;
  }

  get next(): bigint {
    return this.#previous.number + 1n;
  }

  get done(): bigint {
    this.#advance();
    return this.#done;
  }

  begin(): OpenWindow {
    const window: OpenWindow = { number: this.next, pending: 0, read: false };
    this.#open.push(window);
    return window;
  }

  /** All rows of the window were queued (or belonged to others). */
  end(window: OpenWindow, tick: Tick): void {
    window.read = true;
    this.#previous = tick;
    this.lowest.pass(tick);
    this.#advance();
  }

  #advance(): void {
    let count = 0;
    for (const window of this.#open) {
      if (!window.read || window.pending > 0) break;
      this.#done = window.number;
      count += 1;
    }
    if (count > 0) this.#open = this.#open.slice(count);
  }
}

/** A window whose events are on their way. */
export interface OpenWindow {
  readonly number: bigint;
  /** Events queued and not acknowledged. */
  pending: number;
  /** All of its rows were queued. */
  read: boolean;
}
