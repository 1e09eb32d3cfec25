import type { Executor } from '@convergekit/postgres';
import type { ParkedState } from '../park/parked-row.ts';
import { type ParkedLine, readAfterRetry } from './parked-page-sql.ts';
import type { RetryCounts } from './retry-decision.ts';

/** Taken out meanwhile, by an operator or by its saga: neither applied nor failed. */
const WITHDRAWN: ReadonlySet<ParkedState> = new Set(['skipped', 'superseded', 'replaced']);

/** Follows what becomes of retried events, in memory that is bounded by those without an outcome. */
export class RetryOutcomes {
  readonly #executor: Executor;
  /** Those without an outcome, with the tries that they had. */
  readonly #pending = new Map<string, number>();
  #sent = 0;
  #refused = 0;
  #applied = 0;
  #failed = 0;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** Notes a retry. `result`: as `retryAll` reports it. */
  note({ id, tries }: Pick<ParkedLine, 'id' | 'tries'>, result: string): void {
    if (result !== 'run' && result !== 'due') {
      this.#refused += 1;
      return;
    }
    this.#sent += 1;
    this.#pending.set(id, result === 'run' ? 0 : tries);
  }

  /** Reads the outcomes of what is pending: gone is applied, a dead letter or a further try is a failure. */
  async look(): Promise<void> {
    if (this.#pending.size === 0) return;
    const rows = await readAfterRetry(this.#executor, [...this.#pending.keys()]);
    const known = new Map(rows.map((row) => [row.id, row]));
    for (const [id, tries] of this.#pending) {
      const row = known.get(id);
      if (row?.state === 'waiting' && row.tries <= tries) continue;
      this.#pending.delete(id);
      if (row === undefined) this.#applied += 1;
      else if (!WITHDRAWN.has(row.state)) this.#failed += 1;
    }
  }

  counts(): RetryCounts {
    return {
      sent: this.#sent,
      refused: this.#refused,
      applied: this.#applied,
      failed: this.#failed,
      pending: this.#pending.size,
    };
  }
}
