// Needs neither Postgres nor Kafka, but real sockets: three HTTP services in a row.
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { type Chain, startChain, type Style } from './chain.ts';

async function opened(style: Style): Promise<Chain> {
  const chain = await startChain(style);
  onTestFinished(() => chain.close());
  return chain;
}

/** Makes calls, ten at a time; returns the number of answers and the requests at the leaf per call. */
async function load(chain: Chain, calls: number): Promise<{ answered: number; perCall: number }> {
  const before = chain.leaf.requests;
  let answered = 0;
  for (let made = 0; made < calls; made += 10)
    for (const good of await Promise.all(Array.from({ length: 10 }, () => chain.call())))
      answered += Number(good);
  return { answered, perCall: (chain.leaf.requests - before) / calls };
}

// Planted fault: the guards taken out (the naive chain, below) give several times the load.
it('S66: a chain with budgets gets hardly more load while its last service is down, and serves its whole load when that returns', async () => {
  const chain = await opened('guarded');
  expect(await load(chain, 100)).toEqual({ answered: 100, perCall: 1 });
  chain.leaf.down = true;
  const down = await load(chain, 300);
  expect(down.answered).toBe(0);
  expect(down.perCall).toBeLessThanOrEqual(1.3);
  chain.leaf.down = false;
  await waitUntil(() => chain.call(), { what: 'an answered call' });
  await waitUntil(async () => (await load(chain, 10)).answered === 10, { what: 'ten of ten answers' });
  expect(await load(chain, 100)).toEqual({ answered: 100, perCall: 1 });
});

it('a chain multiplies its load when every hop retries without a bound', async () => {
  const chain = await opened('naive');
  chain.leaf.down = true;
  expect((await load(chain, 10)).perCall).toBeGreaterThan(4);
});

it('a chain passes the client’s deadline to the last service, never a later one', async () => {
  const chain = await opened('guarded');
  const before = systemClock.now();
  await load(chain, 10);
  expect(chain.leaf.latestDeadline).toBeGreaterThan(before);
  expect(chain.leaf.latestDeadline).toBeLessThanOrEqual(chain.lastDeadline);
});
