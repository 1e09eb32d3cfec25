import { expect, it } from 'vitest';
import { EACH, FIRST, lanes, RUNS, runLane } from '../fixture/trial/lane-runs.ts';

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
