import { conflict } from '../../errors.ts';

/** Searches at once: each uses every connection to a database for a moment, and other pages need some. */
const AT_ONCE = 1;
const MOST_WAITING = 16;

/** Lets searches run one after the other, so that many of them never take all connections from other pages. */
export class SearchGate {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async run<T>(search: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= MOST_WAITING)
        throw conflict(`${MOST_WAITING} searches wait in this console already: try again`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      return await search();
    } finally {
      const next = this.#waiting.shift();
      // The place goes to the next one.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
