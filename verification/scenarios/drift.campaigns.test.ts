import { startStack, type Stack } from '@convergekit/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildWorld, type World } from '../demo/world.ts';
import { drift } from './drift/drift.ts';
import { runScenario, type ScenarioRun } from './run.ts';

let stack: Stack | undefined;
let world: World | undefined;
let run: ScenarioRun;

// The test has a separate stack, because the topics of the shop have fixed names.
beforeAll(async () => {
  stack = await startStack({ env: { CONVERGE_STACK: process.env['CONVERGE_STACK'] } });
  world = await buildWorld({ stack, logFolder: '.converge/drift-e2e' });
  await world.start();
  run = await runScenario({
    world,
    scenario: drift(20),
    load: { perSecond: 5, seconds: 30 },
    seed: 3,
    progress: { note: () => undefined, status: () => undefined, end: () => undefined },
    signal: new AbortController().signal,
  });
}, 900_000);

afterAll(async () => {
  await world?.stop();
  await stack?.stop();
}, 300_000);

it('S67: keys that drift under load are repaired, in three databases, and none whose events are late', () => {
  // The bound of time is for the report: a machine under load may take longer.
  const claims = run.invariants.filter(({ claim }) => !claim.startsWith('all was repaired within'));
  expect(claims).toHaveLength(3);
  for (const { claim, looked, wrong } of claims) {
    expect({ claim, wrong }).toEqual({ claim, wrong: [] });
    expect(looked).toBeGreaterThan(20);
  }
  expect(run.outcome.judgement).toBe('agrees');
});
