import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { foreignRecord } from '../../../inbox/src/fixture/foreign-record.ts';
import { sendRecords } from '../../../inbox/src/testing/fixture-source.ts';
import { placed } from '../fixture/order-saga.ts';
import { openOrders, place, scene } from '../fixture/order-scene.ts';

beforeAll(() => openOrders(inject('stack').databaseUrl));
afterAll(() => scene.close());

// Planted fault: steps that begin by any key. Their rows are refused, also by the dead letter, and the consumers stop: again at
// each start, since the record stays.
it('a start of a foreign producer whose key no step can have is a dead letter, and the sagas behind it complete', async () => {
  const keys = ['a\u0000b', 'c\td', Array.from({ length: 900 }, (_, n) => `${n * 7_919}`).join('-')];
  for (const [n, key] of keys.entries()) {
    const { record, ...at } = foreignRecord(placed({ order: `hostile-${n}` }), `id-${n}`, 1);
    await sendRecords(scene.broker, [{ ...at, record: { ...record, key } }]);
  }
  const { instance } = await place();
  await scene.until(instance, 'confirm:applied pay:applied reserve:applied ship:applied');
  // Each is one at the step that it would begin, and at the one that decides a cancellation.
  const letters = async () =>
    scene.rows('select consumer, code from converge.parked where code is not null order by consumer');
  await waitUntil(async () => (await letters()).length === 6, { what: 'the dead letters' });
  expect(await letters()).toEqual(
    ['inventory', 'shipping'].flatMap((consumer) => keys.map(() => ({ consumer, code: 'KEY_INVALID' }))),
  );
  expect(await scene.rows(`select from converge.saga_fence where instance like 'id-%'`)).toEqual([]);
});
