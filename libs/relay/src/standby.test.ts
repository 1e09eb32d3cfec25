/** Taken out once, and a test here failed: the difference between a refusal and an outage of the database. */
import { memoryBroker } from '@converge/kafka';
import { DatabaseError, type Executor } from '@converge/postgres';
import { ConvergeError } from '@converge/resilience';
import { manualClock } from '@converge/testing';
import { expect, test } from 'vitest';
import { silent } from './fixture/running.ts';
import { relay } from './relay.ts';

/** A standby whose looks at the lease give what `look` says: the holder, or an error. */
async function standbyThatLooks(look: () => string | Error) {
  const clock = manualClock();
  const counted = { looks: 0 };
  const executor = {
    query: (text: string) => {
      if (!text.startsWith('select holder from converge.lease'))
        return Promise.resolve({ rows: [], rowCount: 0 });
      counted.looks += 1;
      const seen = look();
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
  return { service, counted, untilLook };
}

test('a standby has no trouble any more when the database has answered once and another relay leads', async () => {
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

test('one that was refused keeps its trouble until another has held the lease for several looks', async () => {
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
