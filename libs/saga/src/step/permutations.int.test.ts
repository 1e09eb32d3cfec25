import { type SagaTrialResult, sagaTrial } from '@convergekit/testing/service';
import { expect, inject, it } from 'vitest';
import { SagaScene } from '../fixture/saga-scene.ts';
import { violations } from '../fixture/trial/invariants.ts';
import { planOf } from '../fixture/trial/plan.ts';
import {
  cancelled,
  factOf,
  placed,
  trial,
  trialConsumers,
  type TrialDb,
  type TrialRules,
  trialTables,
} from '../fixture/trial/trial-saga.ts';
import { TRANSITIONS, transitionsSql } from '../fixture/trial/transitions.ts';
import { type Line, type Part, World } from '../fixture/trial/world.ts';

/** The lanes, each in a separate database: the other company's treatment of repeats, and the time a charge is tried. */
const lanes: readonly TrialRules[] = [
  { idempotency: 'keyed', withinMs: 3_600_000 },
  { idempotency: 'keyed', withinMs: 1 },
  { idempotency: 'none', withinMs: 3_600_000 },
  { idempotency: 'none', withinMs: 1 },
];
/** The runs of each lane. In the first tier they are those seeds of a lane that make every transition of a step happen. */
const EACH = inject('full') ? 125 : 10;
const FIRST = inject('full') ? [1, 1, 1, 1] : [9, 1, 14, 8];
const RUNS = EACH * lanes.length;

interface LaneRuns {
  readonly runs: number;
  readonly seed: number;
  readonly isolation?: string;
  readonly deliveries?: number;
}

/** Runs the runs of a lane in sequence: no other session in its database waits for a lock. */
async function runLane(
  rules: TrialRules,
  { runs, seed, isolation = 'read committed', deliveries }: LaneRuns,
): Promise<SagaTrialResult & { readonly transitions: readonly string[] }> {
  const scene = await SagaScene.open<TrialDb>(inject('stack').databaseUrl, trialTables, isolation);
  const { database } = scene;
  const world = new World();
  const linesOf = async (order: string): Promise<readonly Line[]> => {
    const rows = await scene.rows<Line>('select part, what, at from done where order_id = $1', [order]);
    return [...rows, ...world.linesOf(order)].toSorted((a, b) => a.at - b.at);
  };
  const plans = new Map<string, ReturnType<typeof planOf>>();
  try {
    const ran = await sagaTrial(trial, [{ database, consumers: trialConsumers(world, rules) }], {
      ...{ runs, seed },
      start: (order) => placed({ order }),
      cancel: (order) => cancelled({ order }),
      plan: ({ key, random }) => {
        const plan = planOf(random, rules);
        plans.set(key, plan);
        const notes = world.plan(key, plan);
        const repeats = deliveries === undefined ? {} : { deliveries };
        return { ...plan, ...repeats, notes, cannotCrash: (consumer) => plan.outside.has(consumer) };
      },
      timePasses: () => world.arrive(),
      took: ({ step, key }) => (world.took(step as Part, key) ? factOf(step as Part, key) : undefined),
      check: async ({ key, emitted }) => {
        const { mustFail, mayFail, cancel } = plans.get(key)!;
        const lines = await linesOf(key);
        return violations({ lines, emitted, mustFail, mayFail, wasCancelled: cancel !== undefined });
      },
    });
    const rows = await scene.rows<{ transition: string }>(transitionsSql);
    return { ...ran, transitions: rows.map(({ transition }) => transition) };
  } finally {
    await scene.close();
  }
}

// Planted faults that fail here, each by what an outside observer sees: a fence that is read without its lock; `begin`
// that overruns a tombstone; 40001 that is not rerun; an undo against `started` as a noop; a step before a group that is
// undone with the first of its members; an outcome that meets `undo_pending` and is emitted as a success.
it.each(['read committed', 'repeatable read'])(
  `S54, S55, S65, G6c: ${RUNS} runs in random orders at %s each end completed or compensated with exact effects`,
  async (isolation) => {
    const ran = await Promise.all(
      lanes.map((rules, at) =>
        runLane(rules, { runs: EACH, isolation, seed: (FIRST[at] ?? 1) + at * 1_000 }),
      ),
    );
    // The counts must be above zero: a test in which nothing happens proves nothing.
    for (const what of ['completed', 'compensated', 'overlaps', 'waits'] as const)
      expect(
        ran.reduce((sum, one) => sum + one[what], 0),
        what,
      ).toBeGreaterThan(RUNS / 10);
    expect(ran.flatMap(({ transitions }) => transitions)).toEqual(expect.arrayContaining([...TRANSITIONS]));
  },
);

// Planted fault: an undo that is applied again to `undone` has its effect five times.
it('S31, S65, G6c: sagas of which each event arrives five times, in random order, end like others: each effect and each undo happens once', async () => {
  const ran = await Promise.all(
    lanes.map((rules, at) => runLane(rules, { runs: 5, seed: 5_001 + at * 1_000, deliveries: 5 })),
  );
  const sum = (what: 'completed' | 'compensated') => ran.reduce((all, one) => all + one[what], 0);
  expect([sum('completed') + sum('compensated'), sum('compensated') > 3]).toEqual([20, true]);
});
