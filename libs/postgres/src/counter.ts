/** The counts of one part of a process: published, applied or compared is `done`. */
export type CountName = 'done' | 'failed' | 'retried' | 'drifted' | 'repaired';

/** The engine whose part counts. */
export type CountedPart = 'relay' | 'consumer' | 'reconciler';

/** What waits: events, and the age of the oldest of them in milliseconds. */
export interface Waiting {
  readonly lag: number;
  readonly oldestMs: number;
}

type Counts = Record<CountName | 'took' | 'took_ms' | 'most_ms', number>;

/** A row of `converge.counter` without its time and process. */
export interface CounterRow extends Readonly<Counts> {
  readonly part: CountedPart;
  readonly name: string;
  readonly topics: Readonly<Record<string, number>>;
  readonly lag: number | null;
  readonly oldest_ms: number | null;
}

const noCounts = (): Counts => ({
  done: 0,
  failed: 0,
  retried: 0,
  drifted: 0,
  repaired: 0,
  took: 0,
  took_ms: 0,
  most_ms: 0,
});

/** Counts what one part of a process does between two writes of `converge.counter`. */
export class Counter {
  readonly #part: CountedPart;
  readonly #name: string;
  #counts = noCounts();
  readonly #topics = new Map<string, number>();
  #writtenLag: number | undefined = 0;

  constructor(part: CountedPart, name: string) {
    this.#part = part;
    this.#name = name;
  }

  add(name: CountName, count = 1): void {
    this.#counts[name] += count;
  }

  /** Counts events of a topic that were published or applied. */
  done(topic: string, count: number): void {
    if (count === 0) return;
    this.#counts.done += count;
    this.#topics.set(topic, (this.#topics.get(topic) ?? 0) + count);
  }

  /** Counts the time from a commit to its effect, in milliseconds. Clocks that differ give no negative one. */
  took(ms: number): void {
    const whole = Math.max(0, Math.round(ms));
    this.#counts.took += 1;
    this.#counts.took_ms += whole;
    this.#counts.most_ms = Math.max(this.#counts.most_ms, whole);
  }

  /**
   * Takes what was counted since the last call; undefined: nothing happened, and as many events wait as before.
   * `waiting` is undefined where it is not known.
   */
  take(waiting?: Waiting): CounterRow | undefined {
    const counts = this.#counts;
    const isQuiet = Object.values(counts).every((count) => count === 0);
    if (isQuiet && (waiting === undefined || waiting.lag === this.#writtenLag)) return undefined;
    const topics = Object.fromEntries(this.#topics);
    this.#counts = noCounts();
    this.#topics.clear();
    this.#writtenLag = waiting?.lag;
    const [lag, oldest] = waiting === undefined ? [null, null] : [waiting.lag, Math.round(waiting.oldestMs)];
    return { part: this.#part, name: this.#name, ...counts, topics, lag, oldest_ms: oldest };
  }
}
