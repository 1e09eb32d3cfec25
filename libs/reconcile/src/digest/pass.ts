import { acquireLease, releaseLease, renewLease } from '@convergekit/postgres/engine';
import type { ScanChunk } from '../definition.ts';
import { attempt, type Run } from './attempt.ts';
import type { PassOptions } from './options.ts';
import { readLastReport, removeReports, readReports } from './dirty.ts';
import { changeHeld, claimDue, planPass, type Range } from './ranges.ts';
import { changeRanges, type RangeStore } from './range-store.ts';
import { rangesPerStep } from './rotation.ts';
import { compareClaimed, compareReports } from './step.ts';

export interface PassRequest {
  /** Compare every range, also those that were compared lately. */
  readonly everything: boolean;
  /** Estimates the rows of the larger side, for the first pass. */
  readonly estimate: () => Promise<number>;
  /** The pass with the columns of both sides, which are read beside the state of the ranges. */
  readonly described: Promise<PassOptions>;
}

/** The interval at which a pass looks for ranges that others gave up, in milliseconds. */
const WAIT_MS = 500;

/** Compares reported keys and the due share of the key space, and yields the keys that differ. */
export async function* runPass(store: RangeStore, request: PassRequest): AsyncGenerator<ScanChunk> {
  const [report, pass] = await Promise.all([readLastReport(store), request.described]);
  const { mode } = store;
  const { everything } = request;
  const { reported } = report;
  const { maxAgeMs, fullAgeMs } = pass;
  const plan = { mode, everything, reported, maxAgeMs, fullAgeMs };
  const { rows: known, tooMany } = await changeRanges(store, (ranges, now) => planPass(ranges, plan, now));
  // Every range is due now, and is hashed after this: that covers what was reported.
  if (tooMany) await removeReports(store, report, false);
  const run: Run = { store, pass, compared: 0, listed: 0 };
  const rows = known === 0 ? await request.estimate() : known;
  yield* compareReported(run, report.last);
  yield* compareDue(run, rangesPerStep(pass.ranges, rows, pass.stepRows));
  yield { compared: run.compared };
}

/** Compares the ranges that are due, in steps of so many ranges. */
async function* compareDue(run: Run, stepRanges: number): AsyncGenerator<ScanChunk> {
  const { store, pass } = run;
  const { holder, leaseMs } = store;
  /** Ranges that this pass cannot compare. They stay due. */
  const except = new Set<number>();
  for (let most = stepRanges; ;) {
    const claim = { holder, leaseMs, most, except };
    const { claimed, held } = await changeRanges(store, (ranges, now) => claimDue(ranges, claim, now));
    if (claimed.length > 0) {
      const among = claimed.map(({ range }) => range);
      const setLease = (leaseOf: (now: number) => Range['lease']) =>
        changeRanges(store, (ranges, now) => ({
          ranges: changeHeld(ranges, holder, among, (one) => ({ ...one, lease: leaseOf(now) })),
        }));
      const ended = yield* attempt(
        run,
        {
          what: `${claimed.length} of ${pass.ranges} ranges`,
          divisible: claimed.length > 1,
          renew: () => setLease((now) => ({ holder, until: now + leaseMs })),
          release: () => setLease(() => null),
        },
        compareClaimed(store, claimed, pass),
      );
      if (ended === 'too slow') most = Math.max(1, Math.floor(claimed.length / 4));
      if (ended === 'unknown') for (const range of among) except.add(range);
      continue;
    }
    if (held === 0) return;
    // Another process compares them. If it dies, its lease expires, and its ranges are taken here.
    yield [];
    await pass.clock.sleep(Math.min(WAIT_MS, pass.leaseMs / 4));
  }
}

/** Reported keys that one step compares. */
const STEP_KEYS = 50_000;

/**
 * Compares the reported keys, up to the report `last`. One process does it at a time; another one that finds the lease
 * held goes on with the ranges.
 */
async function* compareReported(run: Run, last: string): AsyncGenerator<ScanChunk> {
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
      {
        what: 'reported keys',
        divisible: most > 1,
        renew: () => renewLease(store.executor, mine),
        release,
      },
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
