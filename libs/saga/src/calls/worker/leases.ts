import type { Executor } from '@convergekit/postgres';
import type { WorkerCall } from '../work/worker-call.ts';
import { nextOp } from '../work/decide.ts';
import { type Held, renewLeases } from '../work/claim-sql.ts';

/**
 * True for a call that another worker may repeat or query: its lease is short and renewed, so that it is taken up soon
 * after its worker died. Of any other call only an operator could say the outcome, so it gets the time that it may take.
 */
export function renews(call: Pick<WorkerCall<never>, 'canQuery' | 'idempotency'>): boolean {
  return nextOp('calling', call) !== 'stuck';
}

interface Lease extends Held {
  readonly renews: boolean;
  endsAt: number;
}

/** The rows that a worker holds, and when their leases end by this process's monotonic clock, in milliseconds. */
export class Leases {
  readonly #held = new Map<string, Lease>();

  take({ id, term }: Held, renews: boolean, endsAt: number): void {
    this.#held.set(id, { id, term, renews, endsAt });
  }

  drop({ id, term }: Held): void {
    if (this.#held.get(id)?.term === term) this.#held.delete(id);
  }

  get ids(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** Returns the end of the lease of this claim: it is over when there is a later one. */
  endsAt({ id, term }: Held): number {
    const lease = this.#held.get(id);
    return lease?.term === term ? lease.endsAt : Number.NEGATIVE_INFINITY;
  }

  /** Renews the short leases. Under one that cannot be renewed nothing is sent, and the term fences its outcome. */
  async renew(executor: Executor, leaseMs: number, now: () => number): Promise<void> {
    const held = [...this.#held.values()].filter(({ renews }) => renews);
    if (held.length === 0) return;
    const asked = now();
    for (const id of await renewLeases(executor, held, leaseMs)) {
      const lease = this.#held.get(id);
      if (lease !== undefined) lease.endsAt = asked + leaseMs;
    }
  }
}
