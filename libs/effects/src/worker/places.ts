import type { Wake } from '@convergekit/core/engine';
import type { Effect } from '../effect/types.ts';
import type { Wanted } from '../work/claim-sql.ts';
import { nextOp } from '../work/decide.ts';
import type { ClaimedWork } from '../work/work.ts';
import type { ResolvedOptions } from './options.ts';

/**
 * True for a call that another worker may repeat or query: its lease is short and renewed, so that it is taken up soon
 * after its worker died. Of any other call only an operator could say the outcome, so it gets the time that it may take.
 */
export function renews(effect: Pick<Effect<never>, 'canQuery' | 'idempotency'>): boolean {
  return nextOp('calling', effect) !== 'stuck';
}

/** The bulkhead: the number of rows of each effect in progress, and the free places. */
export class Places<DB> {
  readonly #effects: ReadonlyMap<string, Effect<DB>>;
  readonly #held = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  readonly #more = new Set<string>();
  readonly #freed: Pick<Wake, 'notify'>;

  /** Creates the places; `freed` is notified when a place becomes free and there may be more work for it. */
  constructor(effects: ReadonlyMap<string, Effect<DB>>, freed: Pick<Wake, 'notify'>) {
    this.#effects = effects;
    this.#freed = freed;
  }

  /** Returns the effects with free places. A call has ended when its run and the margin are over. */
  free(
    runMs: (effect: Effect<DB>) => number,
    { leaseMs: shortMs, leaseMarginMs }: Pick<ResolvedOptions<DB>, 'leaseMs' | 'leaseMarginMs'>,
  ): readonly Wanted[] {
    return [...this.#effects.values()].flatMap((effect) => {
      const { name, concurrency, quota, settleMs, saga } = effect;
      const places = concurrency - (this.#held.get(name) ?? 0);
      const callMs = runMs(effect) + leaseMarginMs;
      const leaseMs = renews(effect) ? shortMs : callMs;
      const paused = saga?.isTimer === true ? undefined : saga?.name;
      return places > 0 ? [{ effect: name, places, leaseMs, callMs, settleMs, saga: paused, quota }] : [];
    });
  }

  /** Remembers whether a look found as much work of each effect as it had places for: then there may be more. */
  looked(wanted: readonly Wanted[], claimed: readonly Pick<ClaimedWork, 'effect'>[]): void {
    for (const { effect, places } of wanted)
      if (claimed.filter((work) => work.effect === effect).length >= places) this.#more.add(effect);
      else this.#more.delete(effect);
  }

  hold({ name }: Pick<Effect<DB>, 'name'>, running: Promise<void>): void {
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    this.#running.add(running);
    void running.finally(() => {
      this.#running.delete(running);
      this.#held.set(name, (this.#held.get(name) ?? 1) - 1);
      if (this.#more.has(name)) this.#freed.notify();
    });
  }

  async empty(): Promise<void> {
    await Promise.all(this.#running);
  }
}
