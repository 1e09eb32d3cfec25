import type { Executor } from '@convergekit/postgres';
import { expect, inject, it } from 'vitest';
import { EACH, FIRST, lanes, runLane } from '../fixture/trial/lane-runs.ts';
import { TRANSITIONS, transitionsSql } from '../fixture/trial/transitions.ts';

// The sample of runs of permutations.int.test.ts is judged by its end alone: it must come to what a step can do.
it.runIf(inject('full'))('the runs of the trial saga come to every transition of a step', async () => {
  const look = async ({ executor }: { readonly executor: Executor }) =>
    (await executor.query<{ transition: string }>(transitionsSql)).rows.map(({ transition }) => transition);
  const ran = await Promise.all(
    lanes.map((rules, at) => runLane(rules, { runs: EACH, seed: (FIRST[at] ?? 1) + at * 1_000, look })),
  );
  expect(ran.flatMap(({ seen = [] }) => seen)).toEqual(expect.arrayContaining([...TRANSITIONS]));
});
