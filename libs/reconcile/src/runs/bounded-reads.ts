import type { Clock } from '@convergekit/core';
import { ReconcileError } from '../errors.ts';
import type { Reconciler } from '../reconciler.ts';

/**
 * Bounds each read of a side: one that hangs, in a database or at another company, ends as a failure of its key, and does not
 * keep its worker. The abandoned read ends by the statement timeout of its connection.
 */
export function withBoundedReads(reconciler: Reconciler, clock: Clock): Reconciler {
  const { desired, actual, timing, name } = reconciler;
  const bound = <T>(side: string, key: string, reading: Promise<T>): Promise<T> =>
    within(reading, timing.readMs, clock, () => timedOut(name, side, key, timing.readMs));
  return {
    ...reconciler,
    desired: { ...desired, read: (key, db) => bound(desired.in, key, desired.read(key, db)) },
    actual: { ...actual, read: (key, db) => bound(actual.in, key, actual.read(key, db)) },
  };
}

async function within<T>(work: Promise<T>, ms: number, clock: Clock, error: () => Error): Promise<T> {
  const patience = new AbortController();
  const late = clock.sleep(ms, patience.signal).then(() => {
    if (!patience.signal.aborted) throw error();
    return work;
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    patience.abort('read'); // a reason: without one, each abort makes a DOMException with its stack
    late.catch(() => undefined); // the loser of the race is not awaited
    work.catch(() => undefined);
  }
}

function timedOut(name: string, side: string, key: string, ms: number): ReconcileError {
  return new ReconcileError(
    `reading key ${key} from ${side} for ${name} took longer than ${ms} ms: the key is retried, others continue; look for locks and a missing index there, or raise timing.readMs`,
    { code: 'READ_TIMEOUT', category: 'service' },
  );
}
