import type { Clock } from '@convergekit/core';
import { Renewals } from '@convergekit/core/engine';
import { type Executor, executorOf } from '@convergekit/postgres';
import { Bulkhead } from '@convergekit/resilience/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Claim } from './claim.ts';
import type { Databases } from './definition.ts';
import { claimKeys, type ClaimOrder, forgetKeys, keyQueue, requeueExpired } from './key-queue.ts';
import { finishJudged, judgeKey, type Processed, type ReconcileContext } from './process-key.ts';
import { runOf } from './runs/cause.ts';
import { addOutcomes } from './runs/run-sql.ts';

export interface ClaimerOptions {
  readonly reconciler: string;
  readonly databases: Databases<unknown, unknown>;
  readonly holder: string;
  readonly leaseMs: number;
  readonly clock: Clock;
}

/** After so many claims, the next one of each order looks from the very start, for keys that became due before the last ones. */
const WHOLE_EVERY = 64;
const RESCUES_A_LEASE = 10;

/**
 * Claims due keys, each time from where the last claim of its order began. What lies before are keys that are done: while a
 * long transaction anywhere in the cluster holds a snapshot, Postgres keeps their old entries in the index, and each claim
 * would walk over all of them.
 */
export class Claimer {
  readonly #options: ClaimerOptions;
  readonly #from = new Map<ClaimOrder, string>();
  #claims = 0;
  #rescuedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ClaimerOptions) {
    this.#options = options;
  }

  async claim(limit: number, order: ClaimOrder): Promise<readonly Claim[]> {
    await this.#rescue();
    this.#claims += 1;
    if (this.#claims % WHOLE_EVERY === 0) this.#from.clear();
    const claims = await this.#claimFrom(this.#from.get(order), limit, order);
    if (claims.length === limit || !this.#from.has(order)) return claims;
    // Too few: others may have become due before, or have a lower priority.
    this.#from.delete(order);
    return [...claims, ...(await this.#claimFrom(undefined, limit - claims.length, order))];
  }

  async #claimFrom(from: string | undefined, limit: number, order: ClaimOrder): Promise<readonly Claim[]> {
    const { reconciler, databases, holder, leaseMs } = this.#options;
    const request = { reconciler, holder, leaseMs, limit, order, from };
    const claimed = await claimKeys(executorOf(databases.actual), request);
    const labels = { [attributeNames.reconciler]: reconciler };
    for (const { waitedMs } of claimed) instruments().reconcileQueueWait.recordMs(waitedMs, labels);
    const [oldest] = claimed.map(({ dueAt }) => dueAt).toSorted();
    if (oldest !== undefined && claimed.length === limit) this.#from.set(order, oldest);
    return claimed;
  }

  async #rescue(): Promise<void> {
    const { reconciler, databases, leaseMs, clock } = this.#options;
    const now = clock.monotonic();
    if (now - this.#rescuedAt < leaseMs / RESCUES_A_LEASE) return;
    this.#rescuedAt = now;
    await requeueExpired(executorOf(databases.actual), reconciler, leaseMs);
  }
}

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
}

/** Each key of this number is the one that has been due for longest, so that a stream of events starves no sweep. */
export const OLDEST_EVERY = 8;

/** Keys that a process holds at most, as a multiple of its workers: read, waiting for a worker, or being finished. */
const HELD_PER_WORKER = 3;

/** Number of processed keys, by outcome. */
export type Counts = Readonly<Partial<Record<Processed, number>>>;

/**
 * Processes due keys until none is left or the signal aborts. Keys that are due later are left alone.
 * As many keys as there are workers, or more, are claimed ahead in one statement: a worker that ends waits for no claim, and
 * for no commit of its last key either.
 */
export async function drain(options: WorkersOptions, signal?: AbortSignal): Promise<Counts> {
  const counts: Partial<Record<Processed, number>> = {};
  const tally = new Tally(executorOf(options.databases.actual));
  const active = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const processClaim = processor(options);
  const claimer = new Claimer({ ...options, reconciler: options.reconciler.name });
  let sinceOldest = 0;
  for (;;) {
    const stopping = signal?.aborted === true || failures.length > 0;
    const room = stopping ? 0 : HELD_PER_WORKER * options.workers - active.size;
    const free = room >= options.workers ? room : 0;
    const oldest = free > 0 && sinceOldest >= OLDEST_EVERY - 1 ? await claimer.claim(1, 'age') : [];
    const urgent = free > oldest.length ? await claimer.claim(free - oldest.length, 'priority') : [];
    sinceOldest = urgent.length + (oldest.length > 0 ? 0 : sinceOldest);
    const claims = [...oldest, ...urgent];
    for (const claim of claims) {
      const work = processClaim(claim)
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
    // hangs must not keep the free places from keys that become due meanwhile.
    await firstOf(active, options);
    await tally.flushIfMany();
  }
  await tally.flush();
  if (failures.length > 0) throw failures[0];
  return counts;
}

/** Waits until one of the keys ends, for one poll at most. */
async function firstOf(active: ReadonlySet<Promise<void>>, { clock, pollMs }: WorkersOptions): Promise<void> {
  const ended = new AbortController();
  await Promise.race([...active, clock.sleep(pollMs, ended.signal)]);
  ended.abort('ended'); // a reason: without one, each abort makes a DOMException with its stack
}

/** Processes claimed keys: each is read by one of the workers, and finished when its outcome is known. */
function processor(options: WorkersOptions) {
  const executor = executorOf(options.databases.actual);
  const { workers, leaseMs, clock, random } = options;
  const places = new Bulkhead('a worker of a reconciler', { concurrent: workers, waiting: Infinity });
  const forgets = new ForgetGroups((claims) => forgetKeys(executor, claims));
  const renew = (held: readonly Claim[]) => keyQueue.renew(executor, held, leaseMs);
  const renewals = new Renewals({ renew, leaseMs, clock, random });
  return (claim: Claim): Promise<Processed> =>
    renewals.during(claim, async () => {
      const judged = await places.run(() => judgeKey(options, claim));
      return finishJudged(options, claim, judged, (one) => forgets.forget(one));
    });
}

/** The comparisons after which counts are written: a crash loses those in between, and nothing else. */
const FLUSH_AFTER = 500;

/** Counts comparisons by run and outcome, and adds them to the history from time to time. */
class Tally {
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

interface Waiting {
  readonly claim: Claim;
  readonly forgotten: PromiseWithResolvers<boolean>;
}

/** Deletes claimed keys without history, and returns the keys that it deleted. */
export type Forget = (claims: readonly Claim[]) => Promise<ReadonlySet<string>>;

/**
 * Forgets healthy keys, those that end while a statement is under way by the next one: a commit for several keys. A key
 * that ends alone waits for none.
 */
export class ForgetGroups {
  readonly #forget: Forget;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(forget: Forget) {
    this.#forget = forget;
  }

  /** False: the key stays, because it was reported during its run, its row is locked, or its claim was lost. */
  forget(claim: Claim): Promise<boolean> {
    const forgotten = Promise.withResolvers<boolean>();
    this.#waiting.push({ claim, forgotten });
    if (!this.#running) void this.#run();
    return forgotten.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        const gone = await this.#forget(together.map(({ claim }) => claim));
        for (const { claim, forgotten } of together) forgotten.resolve(gone.has(claim.key));
      } catch (error) {
        for (const { forgotten } of together) forgotten.reject(error);
      }
    }
    this.#running = false;
  }
}
