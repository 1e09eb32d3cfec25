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

/** The most rows of an effect at hand, as a multiple of its places: outcomes that are being recorded hold no place. */
const MOST_HELD = 4;

/** The rows of one effect at hand. */
interface Held {
  /** Those that have a place: their call may be in flight. */
  calling: number;
  all: number;
}

/** The bulkhead: the calls of each effect in flight, the rows at hand, and the free places. */
export class Places<DB> {
  readonly #effects: ReadonlyMap<string, Effect<DB>>;
  readonly #held = new Map<string, Held>();
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
      const { name, quota, settleMs, saga } = effect;
      const places = this.#freeOf(effect);
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

  /** Returns whether a look could take work of an effect now. If not, the next place that becomes free requests one. */
  takes(name: string): boolean {
    const effect = this.#effects.get(name);
    if (effect === undefined || this.#freeOf(effect) > 0) return true;
    this.#more.add(name);
    return false;
  }

  /** Holds a place for `run` until it calls `called`, and counts the row as held until it ends. */
  hold({ name }: Pick<Effect<DB>, 'name'>, run: (called: () => void) => Promise<void>): void {
    const held = this.#held.get(name) ?? { calling: 0, all: 0 };
    this.#held.set(name, held);
    held.calling += 1;
    held.all += 1;
    let hasPlace = true;
    const called = (): void => {
      if (!hasPlace) return;
      hasPlace = false;
      held.calling -= 1;
      if (this.#more.has(name)) this.#freed.notify();
    };
    const running = run(called);
    this.#running.add(running);
    void running.finally(() => {
      this.#running.delete(running);
      held.all -= 1;
      if (hasPlace) called();
      else if (this.#more.has(name)) this.#freed.notify();
    });
  }

  async empty(): Promise<void> {
    await Promise.all(this.#running);
  }

  #freeOf({ name, concurrency }: Effect<DB>): number {
    const { calling, all } = this.#held.get(name) ?? { calling: 0, all: 0 };
    return Math.min(concurrency - calling, concurrency * MOST_HELD - all);
  }
}
