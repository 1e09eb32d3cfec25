import { startStack, type Stack } from '@convergekit/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runSpec } from '../../open.ts';
import { scenarios } from '../../scenarios.ts';
import { quietRun } from '../../fixture/quiet-run.ts';
import type { Outcome } from '../../run.ts';

let servers: Stack | undefined;
let outcome: Outcome;

// The test has a separate stack, because the topics of the shop have fixed names.
beforeAll(async () => {
  servers = await startStack({ env: { CONVERGE_STACK: process.env['CONVERGE_STACK'] } });
  const drift = scenarios({ each: 20 }).find(({ name }) => name === 'drift')!;
  const load = { kind: 'rate', perSecond: 5, seconds: 30 } as const;
  outcome = await runSpec({ ...drift, load }, quietRun('.converge/drift-e2e', 3), { servers });
}, 900_000);

afterAll(() => servers?.stop(), 300_000);

it('S67, C5: keys that drift under load are repaired, in three databases, and none whose events are late', () => {
  // The bound of time is for the report: a machine under load may take longer.
  const checks = outcome.checks.filter(({ claim }) => !claim.startsWith('all was repaired within'));
  for (const { claim, findings } of checks) expect({ claim, findings }).toEqual({ claim, findings: [] });
  const repairs = checks.filter(({ claim }) => /repair/.test(claim));
  expect(repairs).toHaveLength(3);
  for (const { claim, looked } of repairs) expect(looked, claim).toBeGreaterThan(20);
  expect(outcome.settled).toBe(true);
});
