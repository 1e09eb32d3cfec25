import { systemClock } from '@convergekit/core';
import { describe, expect, inject, it } from 'vitest';
import { SagaScene } from '../fixture/saga-scene.ts';
import { Pending } from '../fixture/trial/pending.ts';
import { Lane } from '../fixture/trial/lane.ts';
import { violations } from '../fixture/trial/invariants.ts';
import { type TrialDb, type TrialRules, trialTables } from '../fixture/trial/trial-saga.ts';
import { readSagaRecords } from '../operate/records-sql.ts';
import { findOrphans } from '../verify/orphans-sql.ts';
import { verifyJournal } from '../verify/verify-journal.ts';

/** The lanes, each in a separate database: the other company's treatment of repeats, and the time a charge is tried. */
const lanes: readonly TrialRules[] = [
  { idempotency: 'keyed', withinMs: 3_600_000 },
  { idempotency: 'keyed', withinMs: 1 },
  { idempotency: 'none', withinMs: 3_600_000 },
  { idempotency: 'none', withinMs: 1 },
];
const EACH = Number(process.env['SAGA_RUNS'] ?? 500) / lanes.length;
const FIRST = Number(process.env['SAGA_SEED'] ?? 1);

interface Finding {
  readonly seed: number;
  readonly lane: TrialRules;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
}

/** Runs the runs of a lane in sequence: no other session in its database waits for a lock. */
async function runLane(rules: TrialRules, isolation: string, first: number): Promise<Ran> {
  const scene = await SagaScene.open<TrialDb>(inject('stack').databaseUrl, trialTables, isolation);
  const lane = new Lane(scene.database, rules);
  await lane.open();
  const ran: Ran = { findings: [], shipped: 0, undone: 0, overlaps: 0, waits: 0, flaws: [] };
  try {
    for (let seed = first; seed < first + EACH; seed += 1) {
      const bag = new Pending(lane, seed);
      const { trace } = bag;
      const seen = await inTime(bag.run()).catch((cause: unknown) => {
        throw new Error(`seed ${seed} of ${JSON.stringify(rules)}\n${trace.join('\n')}`, { cause });
      });
      const found = violations(seen);
      if (found.length > 0) ran.findings.push({ seed, lane: rules, violations: found, trace });
      if (seen.emitted.some(({ type }) => type === 'trial.confirmed')) ran.shipped += 1;
      if (seen.lines.some(({ what }) => what === 'undo')) ran.undone += 1;
      ran.overlaps += trace.filter((line) => line.includes(' | ')).length;
      ran.waits += trace.filter((line) => line.includes(': waits')).length;
    }
    ran.flaws.push(
      ...verifyJournal(await readSagaRecords(lane.executor, {})),
      ...(await findOrphans([lane.executor])),
    );
    return ran;
  } finally {
    await scene.close();
  }
}

/** Bounds the time of a run, which takes a tenth of a second: a hanging run is reported with its trace. */
async function inTime<T>(run: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = systemClock.sleep(20_000, over.signal).then(() => {
    throw new Error('it hangs');
  });
  late.catch(() => undefined);
  return Promise.race([run, late]).finally(() => over.abort());
}

interface Ran {
  readonly findings: Finding[];
  readonly flaws: unknown[];
  shipped: number;
  undone: number;
  overlaps: number;
  waits: number;
}

describe.each(['read committed', 'repeatable read'])('500 runs of a saga at %s', (isolation) => {
  // Planted faults that fail here, each by what a spectator sees: a fence that is read without its lock; `begin` that overruns
  // a tombstone; 40001 that is not rerun; an undo against `started` as a noop; a step before a group that is undone with the
  // first of its members; an outcome that meets `undo_pending` and is emitted as a success.
  it('500 runs in random orders each end completed or compensated with exact effects, at both isolation levels', async () => {
    const ran = await Promise.all(lanes.map((rules, at) => runLane(rules, isolation, FIRST + at * 1_000)));
    const of = (what: 'shipped' | 'undone' | 'overlaps' | 'waits'): number =>
      ran.reduce((sum, one) => sum + one[what], 0);
    const findings = ran.flatMap((one) => one.findings);
    expect(findings.slice(0, 3), `${findings.length} of ${EACH * lanes.length} runs`).toEqual([]);
    expect(ran.flatMap(({ flaws }) => flaws)).toEqual([]);
    // The counts must be above zero: a test in which nothing happens proves nothing.
    for (const what of ['shipped', 'undone', 'overlaps', 'waits'] as const)
      expect(of(what), what).toBeGreaterThan((EACH * lanes.length) / 10);
  });
});
