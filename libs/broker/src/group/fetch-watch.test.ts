import { expect, it, onTestFinished } from 'vitest';
import type { FetchStall } from '../broker.ts';
import { until } from '../contract/kit.ts';
import { ScriptedLink } from '../fixture/scripted-link.ts';
import { LoopConsumer } from './group-consumer.ts';

async function consume() {
  const link = new ScriptedLink();
  const stalls: (FetchStall | undefined)[] = [];
  let handled = 0n;
  const consumer = new LoopConsumer({
    link,
    groupId: 'g',
    topics: ['t'],
    heartbeatIntervalMs: 5,
    maxWaitMs: 5,
    fetchStallMs: 100,
    handlers: {
      assigned: () => Promise.resolve(new Map([['t/0', 0n]])),
      batch: ({ records }) => {
        handled += BigInt(records.length);
        return Promise.resolve();
      },
      fetchStalled: (_, stall) => void stalls.push(stall),
      revoked: () => undefined,
    },
  });
  onTestFinished(() => consumer.stop());
  await consumer.start();
  const arrive = async (): Promise<void> => {
    link.end += 5n;
    await until('the records', () => handled === link.end);
  };
  await arrive();
  return { link, stalls, arrive };
}

// Planted fault: a session that does not listen to look-ups leaves its fetches to the watch, which reports the stall.
it('G4d: a consumer follows a leader that moves or is missing when only heartbeats look leaders up, and reports no stall', async () => {
  const { link, stalls, arrive } = await consume();
  link.truth = 2;
  await until('the heartbeat to see the move', () => link.believed === 2);
  await arrive();
  link.truth = undefined;
  await until('the heartbeat to see that there is no leader', () => link.believed === undefined);
  link.truth = 3;
  await arrive();
  expect(stalls.filter((stall) => stall?.reason === 'not_fetched')).toEqual([]);
});

// Planted fault: without the watch the partition waits for ever, and nothing says so.
it('G4d: a partition with records that no loop fetches is reported, then fetched again, and the end of the stall is reported', async () => {
  const { link, stalls, arrive } = await consume();
  link.silent = true;
  link.truth = 2;
  await until('the move to be seen and not passed on', () => link.believed === 2);
  // The loop of the first broker has nothing left to fetch then, and waits.
  await until('the last fetch', () => link.inFlight === 0);
  await arrive();
  expect(stalls[0]).toMatchObject({ reason: 'not_fetched', behind: 5n });
  expect(stalls[0]?.forMs).toBeGreaterThanOrEqual(100);
  await until('the end of the stall', () => stalls.at(-1) === undefined);
});

it('a partition whose answers a quota keeps empty is reported as throttled, and the end of that, too', async () => {
  const { link, stalls, arrive } = await consume();
  link.throttled = true;
  link.end += 2n;
  await until('the quota to be named', () => stalls.at(-1)?.reason === 'throttled');
  expect(stalls.at(-1)?.behind).toBe(2n);
  link.throttled = false;
  await arrive();
  await until('the end of the stall', () => stalls.at(-1) === undefined);
});

it('a partition without a leader, and one behind an open transaction, is reported with its reason', async () => {
  const { link, stalls, arrive } = await consume();
  link.truth = undefined;
  await until('the stall', () => stalls.at(-1)?.reason === 'no_leader');
  link.truth = 1;
  await until('the end of the stall', () => stalls.at(-1) === undefined);
  link.open = link.end;
  link.end += 2n;
  await until('the transaction to be named', () => stalls.at(-1)?.reason === 'open_transaction');
  expect(stalls.at(-1)?.behind).toBe(2n);
  link.open = undefined;
  await arrive();
  await until('the end of the wait', () => stalls.at(-1) === undefined);
  expect(stalls.filter((stall) => stall?.reason === 'not_fetched')).toEqual([]);
});
