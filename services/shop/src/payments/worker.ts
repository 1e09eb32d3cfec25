import type { Outbox } from '@converge/outbox';
import type { Clock, Random, Service } from '@converge/runtime';
import type { Kysely } from 'kysely';
import type { Provider } from './provider-client.ts';
import { writeSettlement } from './settlement.ts';
import type { PaymentsDb } from './tables.ts';
import { nextCall, settle } from './work.ts';
import { claimDue, type ClaimedWork } from './work-store.ts';

export interface WorkerOptions {
  readonly db: Kysely<PaymentsDb>;
  readonly outbox: Outbox;
  readonly provider: Provider;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  /** Calls at the same time at most. @default 16 */
  readonly concurrency?: number;
  /** How often to look for work when there was none, milliseconds. @default 25 */
  readonly idleMs?: number;
  /** Longer than a call and its settlement take, milliseconds: afterwards others may ask. @default 10_000 */
  readonly leaseMs?: number;
}

/**
 * Calls the payment provider for the intents that slices have committed. Each round: claim, call, decide, settle; a
 * slow or hanging call holds one of `concurrency` places and nothing else.
 */
export function paymentWorker(options: WorkerOptions): Service {
  const { clock, concurrency = 16, idleMs = 25, leaseMs = 10_000 } = options;
  const stopping = new AbortController();
  const inFlight = new Set<Promise<void>>();
  let loop: Promise<void> = Promise.resolve();

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const free = concurrency - inFlight.size;
      const claimed = free > 0 ? await claimOr(options, { limit: free, leaseMs }) : [];
      for (const work of claimed) {
        const one = attempt(options, work).catch(options.onError);
        inFlight.add(one);
        void one.finally(() => inFlight.delete(one));
      }
      if (claimed.length === 0) await clock.sleep(idleMs, stopping.signal);
    }
    // Calls in flight are let finish: cut off, each would have to be asked about.
    await Promise.all(inFlight);
  };
  return {
    name: 'payment-worker',
    start: () => {
      loop = run();
      return Promise.resolve();
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
    get done() {
      return loop;
    },
  };
}

/** One call and what it means. A crash in between leaves the row `unknown`: the next worker asks. */
export async function attempt(options: WorkerOptions, work: ClaimedWork): Promise<void> {
  const { provider, random } = options;
  const answer = await provider[nextCall(work)](work);
  await writeSettlement(options, work, settle(work, answer, random));
}

async function claimOr(
  { db, clock, onError }: WorkerOptions,
  claim: { limit: number; leaseMs: number },
): Promise<readonly ClaimedWork[]> {
  try {
    return await claimDue(db, claim);
  } catch (error) {
    // The database is away: the intents are safe there, and will be found when it is back.
    onError(error);
    await clock.sleep(500);
    return [];
  }
}
