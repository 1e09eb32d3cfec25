import type { Wake } from '@convergekit/core/engine';

/** Work that shares places: the calls of one declaration, or the workflows of a worker. */
export interface PlaceGroup {
  readonly name: string;
  /** The places: the most calls in flight. */
  readonly concurrency: number;
}

/** The most rows of a group at hand, as a multiple of its places: outcomes that are being recorded hold no place. */
const MOST_HELD = 4;

/** The rows of one group at hand. */
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

/** The bulkhead: the calls of each group in flight, the rows at hand, and the free places. */
export class Places {
  readonly #held = new Map<string, Held>();
  readonly #running = new Set<Promise<void>>();
  /** Places whose transaction has not ended. */
  readonly #reserved = new Set<Promise<undefined>>();
  /** True: there may be more due work of the group. False: the last look found all. */
  readonly #more = new Map<string, boolean>();
  /** Groups of which a look is under way: it may take every place that was free. */
  readonly #looking = new Set<string>();
  readonly #freed: Pick<Wake, 'notify'>;

  /** Creates the places; `freed` is notified when a place becomes free and there may be more work for it. */
  constructor(freed: Pick<Wake, 'notify'>) {
    this.#freed = freed;
  }

  /** Returns the number of free places of a group. */
  freeOf({ name, concurrency }: PlaceGroup): number {
    const { calling, all } = this.#held.get(name) ?? { calling: 0, all: 0 };
    return Math.min(concurrency - calling, concurrency * MOST_HELD - all);
  }

  /** Remembers whether a look may have left work of a group: it found as much as there were places for, or passed over some. */
  looked(name: string, hasLeft: boolean): void {
    this.#more.set(name, hasLeft);
  }

  /** Returns whether a look could take work of a group now. If not, the next place that becomes free requests one. */
  takes(group: PlaceGroup): boolean {
    if (this.freeOf(group) > 0) return true;
    this.#more.set(group.name, true);
    return false;
  }

  /** Runs a look for work of these groups. Nothing is reserved meanwhile, nor before its places are held. */
  async whileLooking(names: readonly string[], look: () => Promise<void>): Promise<void> {
    for (const name of names) this.#looking.add(name);
    try {
      await look();
    } finally {
      for (const name of names) this.#looking.delete(name);
    }
  }

  /** True when the last look left no due work of the group, so that new work overtakes none. */
  isClear({ name }: Pick<PlaceGroup, 'name'>): boolean {
    return this.#more.get(name) === false && !this.#looking.has(name);
  }

  /** Takes a place before its work is there. It is held, or freed: once. */
  reserve({ name }: Pick<PlaceGroup, 'name'>): Place {
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
}
