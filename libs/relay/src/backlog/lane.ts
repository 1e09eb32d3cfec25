import { LowestId, type Tick } from '../window/tick.ts';

/** A window with events that are not acknowledged. */
export class OpenWindow {
  readonly number: bigint;
  #pending = 0;
  #isRead = false;

  constructor(number: bigint) {
    this.number = number;
  }

  /** Events queued and not acknowledged. */
  get pending(): number {
    return this.#pending;
  }

  /** True when all rows of the window were queued and are in the log. */
  get isDone(): boolean {
    return this.#isRead && this.#pending === 0;
  }

  queued(): void {
    this.#pending += 1;
  }

  /** Events that are in the log, or that are dropped and read again by another lane. */
  finished(events: number): void {
    this.#pending -= events;
  }

  /** Records that all rows of the window were queued, or belong to other lanes. */
  read(): void {
    this.#isRead = true;
  }
}

/**
 * A walk over the windows, in order: the main lane, or a lane for a held topic. The main lane serves all topics that
 * flow; a topic that was held has its own lane while it catches up. `done` is the last window that is wholly in the
 * log, for the topics of this lane.
 */
export class Lane {
  /** undefined: every topic that is not on a lane of its own. */
  readonly topic: string | undefined;
  readonly lowest: LowestId;
  /** The last window that the lane reads; undefined: it continues until it reaches the main lane. */
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
    let count = 0;
    for (const window of this.#open) {
      if (!window.isDone) break;
      this.#done = window.number;
      count += 1;
    }
    if (count > 0) this.#open = this.#open.slice(count);
    return this.#done;
  }

  /** True when all read events are in the log. */
  get isDrained(): boolean {
    return this.done === this.#previous.number;
  }

  begin(): OpenWindow {
    const window = new OpenWindow(this.next);
    this.#open.push(window);
    return window;
  }

  /** Ends a window, whose rows were all queued or belong to other lanes. */
  end(window: OpenWindow, tick: Tick): void {
    window.read();
    this.#previous = tick;
    this.lowest.pass(tick);
  }
}
