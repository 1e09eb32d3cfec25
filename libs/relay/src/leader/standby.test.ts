import { memoryBroker } from '@convergekit/broker/testing';
import { DatabaseError, type Executor } from '@convergekit/postgres';
import { ConvergeError } from '@convergekit/core';
import { manualClock } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { silent } from '../fixture/running.ts';
import { STOP_MS } from './ending.ts';
import { relay } from '../relay.ts';

/** Code that was removed once, and a test here failed: the difference between a refusal and an outage of the database. */

/** Starts a standby whose checks of the lease return `look`: the holder, an error, or nothing forever. */
async function standbyThatLooks(look: () => string | Error | undefined) {
  const clock = manualClock();
  const counted = { looks: 0 };
  const executor = {
    query: (text: string) => {
      if (!text.startsWith('select holder from converge.lease'))
        return Promise.resolve({ rows: [], rowCount: 0 });
      counted.looks += 1;
      const seen = look();
      if (seen === undefined) return new Promise(() => undefined);
      return seen instanceof Error
        ? Promise.reject(seen)
        : Promise.resolve({ rows: [{ holder: seen }], rowCount: 1 });
    },
  };
  const database = {
    executor: executor as Executor,
    acquire: () => Promise.reject(new Error('a standby needs no connection')),
  };
  const service = relay({ database, broker: memoryBroker(), clock, random: () => 0.5, log: silent });
  await service.start();
  const untilLook = async (n: number): Promise<void> => {
    while (counted.looks < n) await clock.advance(10);
    await clock.advance(1);
  };
  return { service, clock, counted, untilLook };
}

test('a standby reports no trouble once the database has answered and another relay leads', async () => {
  const failure = { code: 'DATABASE_UNREACHABLE', category: 'network', certainty: 'not_applied' } as const;
  let answer: string | Error = new DatabaseError('cannot reach Postgres', failure);
  const { service, counted, untilLook } = await standbyThatLooks(() => answer);
  await untilLook(6);
  expect(service.status()).toMatchObject({ state: 'standby', trouble: 'cannot reach Postgres' });
  answer = 'other';
  await untilLook(counted.looks + 1);
  const { state, ...standing } = service.status();
  expect(state).toBe('standby');
  expect(standing).toMatchObject({ heldBy: 'other' });
  expect(standing).not.toHaveProperty('trouble');
  await service.stop();
});

test('a refused standby reports its trouble until another relay has held the lease for several checks', async () => {
  const refusal = { code: 'database_went_back', category: 'data', certainty: 'not_applied' } as const;
  let answer: string | Error = new ConvergeError('the database went back', refusal);
  const { service, counted, untilLook } = await standbyThatLooks(() => answer);
  await untilLook(3);
  answer = 'other';
  await untilLook(counted.looks + 1);
  expect(service.status()).toMatchObject({ trouble: 'the database went back' });
  await untilLook(counted.looks + 3);
  expect(service.status()).not.toHaveProperty('trouble');
  await service.stop();
});

// Planted fault: a stop that awaits the look itself (no patience) is not over here, ever; the parts of `STOP_MS` made
// longer come out over five seconds.
test('a stop abandons a check of the lease that hangs, within five seconds of its clock', async () => {
  const { service, clock, untilLook } = await standbyThatLooks(() => undefined);
  await untilLook(1);
  const since = clock.monotonic();
  const stop = { over: false };
  void service.stop().then(() => (stop.over = true));
  while (!stop.over && clock.monotonic() - since < 20_000) await clock.advance(100);
  expect(stop.over).toBe(true);
  const took = clock.monotonic() - since;
  expect(took).toBeGreaterThan(STOP_MS.loops);
  expect(took).toBeLessThan(5_000);
});
