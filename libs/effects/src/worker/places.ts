import type { Wake } from '@convergekit/core/engine';
import type { Effect } from '../effect/types.ts';
import type { Wanted } from '../work/claim-sql.ts';

/** The bulkhead: the number of rows of each effect in progress, and the free places. */
export class Places<DB> {
  readonly #effects: ReadonlyMap<string, Effect<DB>>;
  readonly #held = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  readonly #freed: Wake;

  /** Creates the places; `freed` is notified when a place becomes free, so that more can be claimed. */
  constructor(effects: ReadonlyMap<string, Effect<DB>>, freed: Wake) {
    this.#effects = effects;
    this.#freed = freed;
  }

  /** Returns the effects with free places; their lease exceeds one run by the margin. */
  free(runMs: (effect: Effect<DB>) => number, marginMs: number): readonly Wanted[] {
    return [...this.#effects.values()].flatMap((effect) => {
      const { name, concurrency, settleMs } = effect;
      const places = concurrency - (this.#held.get(name) ?? 0);
      const leaseMs = runMs(effect) + marginMs;
      return places > 0 ? [{ effect: name, places, leaseMs, settleMs }] : [];
    });
  }

  hold({ name }: Effect<DB>, running: Promise<void>): void {
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    this.#running.add(running);
    void running.finally(() => {
      this.#running.delete(running);
      this.#held.set(name, (this.#held.get(name) ?? 1) - 1);
      this.#freed.notify();
    });
  }

  async empty(): Promise<void> {
    await Promise.all(this.#running);
  }
}
