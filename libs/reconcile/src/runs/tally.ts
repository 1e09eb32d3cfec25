import type { Executor } from '@convergekit/postgres';
import { addOutcomes } from './run-sql.ts';
import { runOf } from './cause.ts';

/** The comparisons after which counts are written: a crash loses those in between, and nothing else. */
const FLUSH_AFTER = 500;

/** Counts comparisons by run and outcome, and adds them to the history from time to time. */
export class Tally {
  readonly #executor: Executor;
  #counts = new Map<string, Record<string, number>>();
  #pending = 0;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  add(cause: string, outcome: string): void {
    const run = runOf(cause);
    if (run === undefined) return;
    const counts = this.#counts.get(run) ?? {};
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    this.#counts.set(run, counts);
    this.#pending += 1;
  }

  /** Writes the counts if there are enough of them. */
  async flushIfMany(): Promise<void> {
    if (this.#pending >= FLUSH_AFTER) await this.flush();
  }

  async flush(): Promise<void> {
    const counts = this.#counts;
    this.#counts = new Map();
    this.#pending = 0;
    for (const [run, outcomes] of counts) await addOutcomes(this.#executor, run, outcomes);
  }
}
