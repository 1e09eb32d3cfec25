import { acquireLease, releaseLease, renewLease } from '@convergekit/postgres/engine';
import type { ScanChunk } from '../definition.ts';
import { attempt, type Run } from './attempt.ts';
import { readReports } from './dirty.ts';
import { compareReports } from './step.ts';

/** Reported keys that one step compares. */
const STEP_KEYS = 50_000;

/**
 * Compares the reported keys, up to the report `last`. One process does it at a time; another one that finds the lease
 * held goes on with the ranges.
 */
export async function* compareReported(run: Run, last: string): AsyncGenerator<ScanChunk> {
  const { store, pass } = run;
  if (last === '0') return;
  const name = `reconcile/${store.reconciler}/reported`;
  const lease = { name, holder: store.holder, ttlMs: pass.leaseMs };
  for (let most = STEP_KEYS; ;) {
    const held = await acquireLease(store.executor, lease);
    if (held.kind === 'held') return;
    const mine = { ...lease, term: held.term };
    const release = () => releaseLease(store.executor, mine);
    const reports = await readReports(store, last, most);
    if (reports === undefined) {
      await release();
      return;
    }
    const ended = yield* attempt(
      run,
      { what: 'reported keys', divisible: most > 1, renew: () => renewLease(store.executor, mine), release },
      compareReports(store, reports, pass),
    );
    if (ended === 'too slow') most = Math.max(1, Math.floor(most / 4));
    if (ended === 'unknown') return;
    if (ended === 'done' && reports.last === last) {
      await release();
      return;
    }
  }
}
