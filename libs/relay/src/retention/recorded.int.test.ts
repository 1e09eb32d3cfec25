import { systemClock, systemRandom } from '@convergekit/core';
import { expect, test } from 'vitest';
import { emit, emitSome, names, ownServer, quick, setUp, startAt } from '../fixture/retention.ts';
import { closeAfterEach } from '../fixture/running.ts';
import { Retention } from './retention.ts';
import { retentionDefaults } from './settings.ts';

ownServer();
closeAfterEach();

// Seen to fail without the names of children, and without the look at what is finished now: what was recorded was dropped.
test('a removal by the owner does not touch a recorded table that is no child, nor a recorded child whose rows a rebase may send again', async () => {
  const { database, topic, start } = await setUp({ retention: false });
  await startAt(database, 999_999);
  await start();
  await emit(database, topic, 'k', 1);
  await emitSome(database, topic);
  await database.executor.query(`update converge.source set leaving = '{audit,outbox_0,outbox_1000000}'`);
  await database.executor.query(
    `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
     select max(number) + 1, '3:3:', '3', 0, 0, '00000000000000aa', 2, 1 from converge.tick`,
  );
  await database.executor.query(
    'update converge.relay_source set done_tick = (select max(number) from converge.tick)',
  );
  const retention = new Retention({
    database,
    fence: { lease: 'relay', term: 1n },
    settings: { ...retentionDefaults, ...quick },
    clock: systemClock,
    random: systemRandom,
    signal: new AbortController().signal,
  });
  expect(await retention.runOnce()).toMatchObject({ children: [], waiting: undefined });
  const { rows } = await database.executor.query(
    `select count(*)::int as kept from unnest('{audit,outbox_0,outbox_1000000}'::text[]) as name
      where to_regclass('converge.' || name) is not null`,
  );
  expect(rows).toEqual([{ kept: 3 }]);
  expect(await names(database)).toEqual(expect.arrayContaining(['outbox_0', 'outbox_1000000']));
});
