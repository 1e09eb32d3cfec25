import { startStack } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { runSpec } from '../../open.ts';
import { scenarios } from '../../scenarios.ts';
import { quietRun } from '../../fixture/quiet-run.ts';

/** The scenarios but drift, which has a file of its own: a part of their load. */
const chosen = scenarios({ most: 15 }).filter(({ name }) => name !== 'drift');

it.each(chosen)(
  'S67: the scenario “$title” ends as it expects, and its invariants hold',
  async (scenario) => {
    // A separate stack, because the topics of the shop have fixed names.
    const servers = await startStack({ env: { CONVERGE_STACK: process.env['CONVERGE_STACK'] } });
    onTestFinished(() => servers.stop());
    const outcome = await runSpec(scenario, quietRun(`.converge/scenario-${scenario.name}`, 3), { servers });
    expect(scenario.expectation?.length).toBeGreaterThan(0);
    expect(scenario.extras?.length).toBeGreaterThan(0);
    for (const { claim, looked, findings } of outcome.checks) {
      expect({ claim, findings }).toEqual({ claim, findings: [] });
      expect(looked, claim).toBeGreaterThan(0);
    }
    expect(outcome.judgement).toBe('agrees');
  },
  600_000,
);
