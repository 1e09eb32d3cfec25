import type { Clock } from '@convergekit/core';

/** The most statements that a session keeps. Texts that are built anew each time must not fill the server's memory. */
const MOST = 200;
/** The most texts that are remembered for a second use, by their hash. Those that come once must not take the place of others. */
const MOST_SEEN = 2_000;
/** The longest text that is kept, in characters: longer ones have values written into them. */
const LONGEST = 32_768;
/**
 * The time after which a kept statement is parsed again, in milliseconds. The server plans it once for all values: a plan
 * for an empty table must not outlive its growth, however late the table is analysed.
 */
const KEPT_MS = 60_000;

interface Kept {
  /** The name under which the session keeps the statement parsed. */
  readonly name: string;
  /** Parse it again under its name. */
  readonly parseAgain: boolean;
}

interface Known {
  readonly name: string;
  parsedAt: number | undefined;
}

/** Decides which statements a session keeps parsed and planned: from the second use on. */
export class KeptStatements {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #known = new Map<string, Known>();
  readonly #seen = new Set<number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Returns how to send a text; undefined: unnamed. */
  use(text: string): Kept | undefined {
    const known = this.#known.get(text) ?? this.#secondUse(text);
    if (known === undefined) return undefined;
    const now = this.#clock.monotonic();
    const parseAgain = known.parsedAt === undefined || now - known.parsedAt >= KEPT_MS;
    if (parseAgain) known.parsedAt = now;
    return { name: known.name, parseAgain };
  }

  #secondUse(text: string): Known | undefined {
    if (this.#known.size >= MOST || text.length > LONGEST) return undefined;
    const hash = hashOf(text);
    if (!this.#seen.delete(hash)) {
      if (this.#seen.size >= MOST_SEEN) this.#seen.clear();
      this.#seen.add(hash);
      return undefined;
    }
    const made: Known = { name: `converge_${this.#known.size}`, parsedAt: undefined };
    this.#known.set(text, made);
    return made;
  }
}

/** Hashes up to 256 characters of a text, and its length. Two texts of one hash are kept one use too early. */
function hashOf(text: string): number {
  let hash = text.length;
  for (let at = 0, step = Math.ceil(text.length / 256); at < text.length; at += step)
    hash = Math.imul(hash, 31) + text.charCodeAt(at);
  return hash | 0;
}

/**
 * Ends a subquery over `unnest` of parameters: returns all rows, and hides their number from the planner. A statement that
 * a session keeps is otherwise planned anew each time: a plan for the one or two rows of given arrays looks cheaper than one
 * for the ten that are assumed without values, and the same plan results.
 */
export const sizeUnknownSql = 'limit (select null::bigint)';
