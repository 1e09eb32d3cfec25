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

/** A place that was taken. */
export interface Place {
  /** Holds it for `run` until it calls `called`, and counts the row as held until it ends. */
  readonly hold: (run: (called: () => void) => Promise<void>) => void;
  /** Gives it back unused. */
  readonly free: () => void;
}

/** The bulkhead: the calls of each effect in flight, the rows at hand, and the free places. */
export class Places<DB> {
  readonly #effects: ReadonlyMap<string, Effect<DB>>;
  readonly #held = new Map<string, Held>();
  readonly #running = new Set<Promise<void>>();
  /** Places whose transaction has not ended. */
  readonly #reserved = new Set<Promise<undefined>>();
  /** True: there may be more due work of the effect. False: the last look found all. */
  readonly #more = new Map<string, boolean>();
  /** Effects of which a look is under way: it may take every place that was free. */
  readonly #looking = new Set<string>();
  readonly #freed: Pick<Wake, 'notify'>;

  /** Creates the places; `freed` is notified when a place becomes free and there may be more work for it. */
  constructor(effects: ReadonlyMap<string, Effect<DB>>, freed: Pick<Wake, 'notify'>) {
    this.#effects = effects;
    this.#freed = freed;
  }

  /** Returns those of the effects that have free places. @default all effects. A call has ended when its run and the margin are over. */
  free(
    runMs: (effect: Effect<DB>) => number,
    { leaseMs: shortMs, leaseMarginMs }: Pick<ResolvedOptions<DB>, 'leaseMs' | 'leaseMarginMs'>,
    effects: Iterable<Effect<DB>> = this.#effects.values(),
  ): readonly Wanted[] {
    return [...effects].flatMap((effect) => {
      const { name, quota, settleMs, saga } = effect;
      const places = this.#freeOf(effect);
      const callMs = runMs(effect) + leaseMarginMs;
      const leaseMs = renews(effect) ? shortMs : callMs;
      const paused = saga?.isTimer === true ? undefined : saga?.name;
      return places > 0 ? [{ effect: name, places, leaseMs, callMs, settleMs, saga: paused, quota }] : [];
    });
  }

  /** Remembers whether a look found as much work of each effect as it had places for, or left some: then there may be more. */
  looked(wanted: readonly Wanted[], claimed: readonly Pick<ClaimedWork, 'effect'>[]): void {
    for (const { effect, places, calls = true } of wanted)
      this.#more.set(effect, !calls || claimed.filter((work) => work.effect === effect).length >= places);
  }

  /** Returns whether a look could take work of an effect now. If not, the next place that becomes free requests one. */
  takes(name: string): boolean {
    const effect = this.#effects.get(name);
    if (effect === undefined || this.#freeOf(effect) > 0) return true;
    this.#more.set(name, true);
    return false;
  }

  /** Runs a look for work of the wanted effects. Nothing is reserved meanwhile, nor before its places are held. */
  async whileLooking(wanted: readonly Pick<Wanted, 'effect'>[], look: () => Promise<void>): Promise<void> {
    for (const { effect } of wanted) this.#looking.add(effect);
    try {
      await look();
    } finally {
      for (const { effect } of wanted) this.#looking.delete(effect);
    }
  }

  /** True when the last look left no due work of the effect, so that new work overtakes none. */
  isClear({ name }: Pick<Effect<DB>, 'name'>): boolean {
    return this.#more.get(name) === false && !this.#looking.has(name);
  }

  /** Takes a place before its work is there. It is held, or freed: once. */
  reserve({ name }: Pick<Effect<DB>, 'name'>): Place {
    const held = this.#held.get(name) ?? { calling: 0, all: 0 };
    this.#held.set(name, held);
    held.calling += 1;
    held.all += 1;
    let hasPlace = true;
    const freed = (): void => {
      if (this.#more.get(name) === true) this.#freed.notify();
    };
    const called = (): void => {
      if (!hasPlace) return;
      hasPlace = false;
      held.calling -= 1;
      freed();
    };
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#reserved.add(promise);
    const decided = (): void => {
      this.#reserved.delete(promise);
      resolve(undefined);
    };
    const free = (): void => {
      decided();
      held.all -= 1;
      if (hasPlace) called();
      else freed();
    };
    const hold = (run: (called: () => void) => Promise<void>): void => {
      const running = run(called);
      this.#running.add(running);
      decided();
      void running.finally(() => {
        this.#running.delete(running);
        free();
      });
    };
    return { hold, free };
  }

  /** Resolves when no call is in flight, and no transaction has a place that it may begin one in. */
  async empty(): Promise<void> {
    await Promise.all(this.#reserved);
    await this.called();
  }

  /** Resolves when no call is in flight. */
  async called(): Promise<void> {
    await Promise.all(this.#running);
  }

  #freeOf({ name, concurrency }: Effect<DB>): number {
    const { calling, all } = this.#held.get(name) ?? { calling: 0, all: 0 };
    return Math.min(concurrency - calling, concurrency * MOST_HELD - all);
  }
}
