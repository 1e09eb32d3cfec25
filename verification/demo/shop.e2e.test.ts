import { startStack, type Stack } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo, type Outcome } from './demo.ts';
import { behaveAs, killConsumer } from './faults/faults.ts';
import { buildWorld, type World } from './world.ts';

let stack: Stack | undefined;
let world: World | undefined;
let outcome: Outcome;

// The test has a separate stack, because the topics of the shop have fixed names.
beforeAll(async () => {
  stack = await startStack({ env: { CONVERGE_STACK: process.env['CONVERGE_STACK'] } });
  const logFolder = '.converge/shop-e2e';
  const shop = await buildWorld({ stack, logFolder });
  world = shop;
  await shop.start();
  outcome = await runDemo({
    world: shop,
    scenes: [
      { at: 0.2, name: 'declines', run: () => behaveAs(shop, { mode: 'decline', every: 3 }) },
      { at: 0.5, name: 'kill', run: () => Promise.resolve(killConsumer(shop)) },
      { at: 0.7, name: 'late', run: () => behaveAs(shop, { mode: 'late', every: 4 }) },
    ],
    perSecond: 10,
    seconds: 4,
    seed: 7,
    drifted: () => 0,
    progress: { note: () => undefined, status: () => undefined, end: () => undefined },
    signal: new AbortController().signal,
  });
}, 900_000);

afterAll(async () => {
  await world?.stop();
  await stack?.stop();
}, 300_000);

describe('the shop, all services on real Postgres and real Kafka', () => {
  it('the shop completes or compensates every order, and conserves money, stock and events', () => {
    const wrong = outcome.verdicts.flatMap(({ findings }) =>
      findings.map(({ kind, message }) => `${kind}: ${message}`),
    );
    expect(wrong).toEqual([]);
    expect(outcome.judgement).toBe('agrees');
  });

  it('the orders of the shop reached every end: confirmed, out of stock, over the limit, declined, refused by the carrier', () => {
    const { shop, log, outbox } = outcome.dump;
    expect(shop.orders).toHaveLength(40);
    const states = new Set(shop.payments.map(({ state }) => state));
    expect(states).toEqual(new Set(['taken', 'declined', 'refunded']));
    const failed = new Set(log.filter(({ topic }) => topic.endsWith('.failures')).map(({ topic }) => topic));
    expect(failed).toContain('shipping.failures');
    expect(new Set(outbox.map(({ type }) => type)).size).toBeGreaterThanOrEqual(9);
  });
});
