import { expect, it } from 'vitest';
import { pairFaults } from '../faults/pair.ts';
import { quietRun } from '../fixture/quiet-run.ts';
import { runSpec } from '../open.ts';
import { standbyBehindPooler } from '../cluster-runs.ts';

it('G3k, N25: behind PgBouncer no acknowledged event is lost, doubled, invented or out of order, whatever happens to a primary and its standby, but what an asynchronous promotion names', async () => {
  const outcome = await runSpec(standbyBehindPooler({}), quietRun('.converge/cluster-standby', 1));
  for (const { claim, looked, findings } of outcome.checks) {
    expect({ claim, findings }).toEqual({ claim, findings: [] });
    expect(looked, claim).toBeGreaterThan(0);
  }
  expect(outcome.judgement).toBe('agrees');
  expect([...outcome.faults.keys()].toSorted()).toEqual(pairFaults.map(({ name }) => name).toSorted());
  process.stdout.write(
    `${[...outcome.figures.map((one) => one.join(': ')), ...outcome.recoveries.map(({ kind, ms }) => `${kind}: all worked again after ${ms} ms`)].join('\n')}\n`,
  );
});
