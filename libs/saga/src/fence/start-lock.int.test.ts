import { connect, type Database, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { lockStart, noteAndLockStarts } from './start-sql.ts';

let database: Database<object>;
beforeAll(async () => {
  const url = await freshDatabase(inject('stack').databaseUrl, 'starts');
  database = connect<object>({ url, applicationName: 'start-lock' });
  await database.executor.query('create schema converge');
  await database.executor.query(
    'create table converge.saga_start (saga text, instance text, version int, key text, primary key (saga, instance))',
  );
});
afterAll(() => database.close());

// Planted fault: without the lock of starts that a slice notes together, the end of a saga does not wait for its start.
it('the end of a saga waits for a slice that has noted its start with others', async () => {
  const step = { saga: 's', version: 1, instance: 'i', step: 'pay' };
  const release = Promise.withResolvers<undefined>();
  const noted = Promise.withResolvers<undefined>();
  const order: string[] = [];
  const start = kyselyTransaction(database.db, {}, async (tx) => {
    await noteAndLockStarts(tx, [{ ...step, key: 'k', locks: true }]);
    await executorOf(tx).query('select 1');
    noted.resolve(undefined);
    await release.promise;
    order.push('start');
  });
  await noted.promise;
  const end = kyselyTransaction(database.db, {}, async (tx) => {
    await lockStart(executorOf(tx), step);
    order.push('end');
  });
  await waitUntil(async () => order.length > 0 || (await waitsForLock(database.executor)), {
    what: 'the end to wait',
  });
  release.resolve(undefined);
  await Promise.all([start, end]);
  expect(order).toEqual(['start', 'end']);
});
