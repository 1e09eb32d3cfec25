import { expect, it } from 'vitest';
import { brokerFaults } from '../faults/brokers.ts';
import { quietRun } from '../fixture/quiet-run.ts';
import { runSpec } from '../open.ts';
import { clusterOfThree } from '../cluster-runs.ts';

it('G1c, G2b, G3a, N25: on three brokers no event is lost, doubled, invented or out of order, whatever happens to a broker', async () => {
  const outcome = await runSpec(clusterOfThree({}), quietRun('.converge/cluster-brokers', 1));
  for (const { claim, looked, findings } of outcome.checks) {
    expect({ claim, findings }).toEqual({ claim, findings: [] });
    expect(looked, claim).toBeGreaterThan(0);
  }
  expect(outcome.judgement).toBe('agrees');
  expect([...outcome.faults.keys()].toSorted()).toEqual(brokerFaults.map(({ name }) => name).toSorted());
  process.stdout.write(
    `${[...outcome.figures.map((one) => one.join(': ')), ...outcome.recoveries.map(({ kind, ms }) => `${kind}: all worked again after ${ms} ms`)].join('\n')}\n`,
  );
});
