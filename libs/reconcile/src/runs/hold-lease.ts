import { Renewals } from '@convergekit/core/engine';
import { executorOf } from '@convergekit/postgres';
import { acquireLease } from '@convergekit/postgres/engine';
import type { WorkersOptions } from '../workers.ts';

/** Returns the name of the lease for a reconciler's schedule: one process leads. */
export const leaseOf = (reconciler: string): string => `reconcile/${reconciler}`;

/** Acquires or renews the lease of the schedule; false = another process leads. */
export async function leads({ reconciler, databases, holder, leaseMs }: WorkersOptions): Promise<boolean> {
  const request = { name: leaseOf(reconciler.name), holder, ttlMs: leaseMs };
  return (await acquireLease(executorOf(databases.actual), request)).kind === 'acquired';
}

/**
 * Renews the lease of the schedule while `work` runs, however long one chunk of its scan takes. The signal aborts when the
 * caller stops or the lease is lost.
 */
export async function whileLeading<T>(
  options: WorkersOptions,
  stop: AbortSignal,
  work: (held: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, leaseMs, random } = options;
  const lost = new AbortController();
  const renew = async (): Promise<void> => {
    if (!(await leads(options))) lost.abort();
  };
  return new Renewals({ renew, leaseMs, clock, random }).during(lost, () =>
    work(AbortSignal.any([stop, lost.signal])),
  );
}
