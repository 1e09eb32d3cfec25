import { poll } from '@convergekit/core/engine';
import { executorOf } from '@convergekit/postgres';
import type { Claim } from './claim.ts';
import { Claimer } from './claimer.ts';
import { renewClaim } from './key-queue.ts';
import { type Processed, processKey, type ReconcileContext } from './process-key.ts';
import { Tally } from './runs/tally.ts';

export interface WorkersOptions extends ReconcileContext {
  /** Holder of leases, unique to this process. */
  readonly holder: string;
  /** Number of concurrent keys. */
  readonly workers: number;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly lateMs: number;
  /** The time that audit rows are kept, in milliseconds. */
  readonly auditMs: number;
  /** Number of runs that the history keeps. */
  readonly keepRuns: number;
}

/** Each key of this number is the one that has been due for longest, so that a stream of events starves no sweep. */
export const OLDEST_EVERY = 8;

/** Number of processed keys, by outcome. */
export type Counts = Readonly<Partial<Record<Processed, number>>>;

/**
 * Processes due keys until none is left or the signal aborts. Keys that are due later are left alone.
 * As many keys as there are workers are claimed ahead, in one statement: a worker that ends waits for no claim.
 */
export async function drain(options: WorkersOptions, signal?: AbortSignal): Promise<Counts> {
  const counts: Partial<Record<Processed, number>> = {};
  const tally = new Tally(executorOf(options.databases.actual));
  const active = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const slots = new Slots(options.workers);
  const claimer = new Claimer({ ...options, reconciler: options.reconciler.name });
  let sinceOldest = 0;
  for (;;) {
    const stopping = signal?.aborted === true || failures.length > 0;
    const room = stopping ? 0 : 2 * options.workers - active.size;
    const free = room >= options.workers ? room : 0;
    const oldest = free > 0 && sinceOldest >= OLDEST_EVERY - 1 ? await claimer.claim(1, 'age') : [];
    const urgent = free > oldest.length ? await claimer.claim(free - oldest.length, 'priority') : [];
    sinceOldest = urgent.length + (oldest.length > 0 ? 0 : sinceOldest);
    const claims = [...oldest, ...urgent];
    for (const claim of claims) {
      const work = processRenewed(options, claim, slots)
        .then((kind) => {
          counts[kind] = (counts[kind] ?? 0) + 1;
          tally.add(claim.cause, kind);
        })
        .catch((error: unknown) => void failures.push(error))
        .finally(() => active.delete(work));
      active.add(work);
    }
    if (active.size === 0) break;
    // The worker is at its limit, or no key is due: a key that ends frees a slot, and may have been reported again. One that
    // hangs must not keep the free slots from keys that become due meanwhile.
    await firstOf(active, options);
    await tally.flushIfMany();
  }
  await tally.flush();
  if (failures.length > 0) throw failures[0];
  return counts;
}

/** Lets as many keys be processed at once as there are workers. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** Waits until one of the keys ends, for one poll at most. */
async function firstOf(active: ReadonlySet<Promise<void>>, { clock, pollMs }: WorkersOptions): Promise<void> {
  const ended = new AbortController();
  await Promise.race([...active, clock.sleep(pollMs, ended.signal)]);
  ended.abort();
}

/** Processes a key in a slot and renews its claim from now on, so that no second worker takes a slow or waiting key. */
async function processRenewed(options: WorkersOptions, claim: Claim, slots: Slots): Promise<Processed> {
  const { clock, databases, leaseMs, random } = options;
  const ended = new AbortController();
  const renewing = poll({
    everyMs: leaseMs / 3,
    immediately: false,
    backoff: { baseMs: leaseMs / 10, factor: 1, capMs: leaseMs / 10 },
    signal: ended.signal,
    clock,
    random,
    run: async () => {
      await renewClaim(executorOf(databases.actual), claim, leaseMs);
    },
    // A failed renewal is no error of the key: the next renewal may succeed, and the repair is fenced.
    onError: () => undefined,
  });
  try {
    return await slots.run(() => processKey(options, claim));
  } finally {
    ended.abort();
    await renewing;
  }
}
