import { executorOf } from '@convergekit/postgres';
import type { Clock } from '@convergekit/core';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Claim } from './claim.ts';
import { type ClaimOrder, claimKeys } from './claim-sql.ts';
import type { Databases } from './definition.ts';
import { requeueExpired } from './key-queue.ts';

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
