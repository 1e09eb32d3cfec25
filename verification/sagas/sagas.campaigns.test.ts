import { startStack, type Stack } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CampaignResult, runCampaign } from './campaign.ts';
import { passed } from './judge.ts';
import { buildSamples, type World } from './world.ts';

let stack: Stack | undefined;
let world: World | undefined;
let result: CampaignResult;
const notes: string[] = [];

// The test has a separate stack, because the topics of the samples have fixed names. `make sagas` is the long run of
// the same campaign.
beforeAll(async () => {
  stack = await startStack({ env: { CONVERGE_STACK: process.env['CONVERGE_STACK'] } });
  const logFolder = '.converge/sagas-e2e';
  const samples = await buildSamples({ stack, logFolder });
  world = samples;
  await samples.start();
  result = await runCampaign({
    world: samples,
    serverUrl: stack.databaseUrl,
    ...{ orders: 40, transfers: 100, seed: 11, atOnce: 2, faultEveryMs: 600, restMs: 120_000 },
    progress: { note: (text) => notes.push(text), status: () => undefined, end: () => undefined },
    signal: new AbortController().signal,
  });
}, 900_000);

afterAll(async () => {
  await world?.stop();
  await stack?.stop();
}, 300_000);

describe('orders and transfers as sagas, under kills, hangs and failing steps', () => {
  it('all sagas under faults complete, are compensated, or wait for an operator with a reason; stock and money are conserved', () => {
    const wrong = result.checks.filter((check) => !passed(check));
    expect({ wrong, notes: wrong.length === 0 ? [] : notes }).toEqual({ wrong: [], notes: [] });
    expect(result.checks.length).toBeGreaterThan(12);
  });

  it('some sagas under faults completed and some were compensated', () => {
    for (const [saga, { completed, compensated, open }] of result.ends) {
      expect(open, saga).toBe(0);
      expect(completed, saga).toBeGreaterThan(0);
      expect(compensated, saga).toBeGreaterThan(0);
    }
    expect(result.restarts).toBeGreaterThan(0);
    // Partial failure: the network between services and their databases failed, too.
    const networks = [...result.faults].filter(([kind]) => kind.includes('bank’s'));
    expect(networks.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(0);
  });
});
