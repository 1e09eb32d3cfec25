import { poll } from '@convergekit/core/engine';
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
  const ended = new AbortController();
  const lost = new AbortController();
  const renewing = poll({
    everyMs: leaseMs / 3,
    immediately: false,
    backoff: { baseMs: leaseMs / 10, factor: 1, capMs: leaseMs / 10 },
    signal: ended.signal,
    clock,
    random,
    run: async () => {
      if (!(await leads(options))) lost.abort();
    },
    // The next renewal may succeed. If none does, the database is away for the sweep, too.
    onError: () => undefined,
  });
  try {
    return await work(AbortSignal.any([stop, lost.signal]));
  } finally {
    ended.abort('ended');
    await renewing;
  }
}
