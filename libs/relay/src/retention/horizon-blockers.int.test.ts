import { withTransaction } from '@convergekit/postgres';
import { systemClock, systemRandom } from '@convergekit/core';
import { expect, test } from 'vitest';
import { ownServer, setUp } from '../fixture/retention.ts';
import { closeAfterEach, onClose } from '../fixture/running.ts';
import { readHorizonBlockers } from './horizon-blockers.ts';

ownServer();
closeAfterEach();

test('what holds retention back is named: writers and prepared transactions of any database, readers of this one, slots', async () => {
  const { database } = await setUp();
  const { database: elsewhere } = await setUp();
  await database.executor.query(`select pg_create_logical_replication_slot('abandoned', 'pgoutput')`);
  onClose(() => database.executor.query(`select pg_drop_replication_slot('abandoned')`));
  const hold = async (from: typeof database, begin: string): Promise<void> => {
    const client = await from.acquire();
    onClose(() => Promise.resolve(client.release(true)));
    await client.query(begin);
  };
  await hold(database, `begin; set local application_name = 'importer'; select pg_current_xact_id()`);
  await hold(elsewhere, `begin; set local application_name = 'neighbour'; select pg_current_xact_id()`);
  await hold(
    database,
    `begin isolation level repeatable read; set local application_name = 'dump'; select count(*) from converge.tick`,
  );
  await hold(
    elsewhere,
    `begin isolation level repeatable read; set local application_name = 'unrelated'; select count(*) from converge.tick`,
  );
  await hold(elsewhere, `begin; select pg_current_xact_id(); prepare transaction 'forgotten'`);
  onClose(() => elsewhere.executor.query(`rollback prepared 'forgotten'`));
  const found = await readHorizonBlockers(database.executor, { olderThanMs: 0 });
  const named = found.map(
    ({ kind, application, holder }) => `${kind} ${application} ${holder.split(' ')[0] ?? ''}`,
  );
  expect(named.toSorted()).toEqual([
    'prepared postgres prepared',
    'reader dump pid',
    'slot pgoutput slot',
    'writer importer pid',
    'writer neighbour pid',
  ]);
  const ages = found.map(({ ageMs }) => ageMs ?? -1);
  expect(ages).toEqual(ages.toSorted((a, b) => b - a));
  expect(ages.at(-1)).toBe(-1);
  expect(await readHorizonBlockers(database.executor, { olderThanMs: 3_600_000 })).toMatchObject([
    { kind: 'slot' },
  ]);
  await withTransaction(database, { clock: systemClock, random: systemRandom }, async (tx) => {
    await tx.query('select pg_current_xact_id()');
    expect(await readHorizonBlockers(tx, { olderThanMs: 0, limit: 2 })).toHaveLength(2);
  });
});
