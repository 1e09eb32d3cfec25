import { executorOf } from '@convergekit/postgres';
import type { Claim } from './claim.ts';
import { claimKeys, renewClaim, rescueKeys } from './key-queue.ts';
import { type Processed, processKey, type Surroundings } from './process-key.ts';

export interface WorkersOptions extends Surroundings {
  /** Unique to this process. */
  readonly holder: string;
  /** Keys at the same time. */
  readonly workers: number;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly lateMs: number;
}

/** What workers did, by outcome. */
export type Counts = Readonly<Partial<Record<Processed, number>>>;

/** Works on due keys until none is left (keys that wait for later are left alone) or the signal aborts. */
export async function drain(options: WorkersOptions, signal?: AbortSignal): Promise<Counts> {
  const counts: Partial<Record<Processed, number>> = {};
  const active = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (;;) {
    const free = signal?.aborted === true || failures.length > 0 ? 0 : options.workers - active.size;
    const claims = free > 0 ? await claimDue(options, free) : [];
    for (const claim of claims) {
      const work = processHeld(options, claim)
        .then((kind) => void (counts[kind] = (counts[kind] ?? 0) + 1))
        .catch((error: unknown) => void failures.push(error))
        .finally(() => active.delete(work));
      active.add(work);
    }
    if (active.size === 0) break;
    // Full, or nothing more is due: a key that ends frees a place, and may have been reported meanwhile.
    await Promise.race(active);
  }
  if (failures.length > 0) throw failures[0];
  return counts;
}

async function claimDue(options: WorkersOptions, limit: number): Promise<readonly Claim[]> {
  const executor = executorOf(options.databases.actual);
  await rescueKeys(executor, options.reconciler.name);
  const { holder, leaseMs, reconciler } = options;
  return claimKeys(executor, { reconciler: reconciler.name, holder, limit, leaseMs });
}

/** The claim is renewed while its work takes long, so that a slow read does not let a second worker in. */
async function processHeld(options: WorkersOptions, claim: Claim): Promise<Processed> {
  const ended = new AbortController();
  const renewing = renew(options, claim, ended.signal);
  try {
    return await processKey(options, claim);
  } finally {
    ended.abort();
    await renewing;
  }
}

async function renew(options: WorkersOptions, claim: Claim, ended: AbortSignal): Promise<void> {
  const { clock, databases, leaseMs } = options;
  for (;;) {
    await clock.sleep(leaseMs / 3, ended);
    if (ended.aborted) return;
    // A renewal that fails is no error of the key: the next one may come through, and the repair is fenced.
    await renewClaim(executorOf(databases.actual), claim, leaseMs).catch(() => false);
  }
}
