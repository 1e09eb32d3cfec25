import { startStack } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { buildWorld } from '../demo/world.ts';
import { runScenario } from './run.ts';
import { scenarios } from './scenarios.ts';

/** The scenarios but drift, which has a file of its own: a part of its load. */
const chosen = scenarios.filter(({ name }) => name !== 'drift');

it.each(chosen)(
  'S67: the scenario “$title” ends as it expects, and its invariants hold',
  async (scenario) => {
    // A separate stack, because the topics of the shop have fixed names.
    const stack = await startStack({ env: { CONVERGE_STACK: process.env['CONVERGE_STACK'] } });
    onTestFinished(() => stack.stop());
    const world = await buildWorld({ stack, logFolder: `.converge/scenario-${scenario.name}` });
    onTestFinished(() => world.stop());
    await world.start();
    const { outcome, invariants } = await runScenario({
      world,
      scenario,
      load: { ...scenario.load, seconds: Math.min(scenario.load.seconds, 15) },
      seed: 3,
      progress: { note: () => undefined, status: () => undefined, end: () => undefined },
      signal: new AbortController().signal,
    });
    expect(scenario.expectation.length).toBeGreaterThan(0);
    expect(invariants.length).toBeGreaterThan(0);
    for (const { claim, looked, wrong } of invariants) {
      expect({ claim, wrong }).toEqual({ claim, wrong: [] });
      expect(looked, claim).toBeGreaterThan(0);
    }
    expect(outcome.judgement).toBe('agrees');
  },
  600_000,
);
