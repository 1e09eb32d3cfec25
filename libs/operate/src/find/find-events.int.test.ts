import { randomUUID } from 'node:crypto';
import { defineEvent } from '@convergekit/contracts';
import { createOutbox } from '@convergekit/outbox';
import { executorOf } from '@convergekit/postgres';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { allMigrations } from '../all-migrations.ts';
import { findEvents, SEARCHED_ROWS } from './find-events.ts';

const data = z.object({ order: z.string(), email: z.string() });
const options = { topic: 'shop.orders', key: (of: { order: string }) => of.order, data };
const placed = defineEvent('shop.order.placed', { ...options, search: ['email'] });
const plain = defineEvent('shop.order.seen', options);
const email = (name: string): string => `${name}@shop.example`;

async function shop() {
  const { database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix: 'find' });
  onTestFinished(() => database.close());
  return { ...database, outbox: createOutbox([placed, plain]) };
}

it('an event is found by a value of a field that its definition names, by key, id, trace and position', async () => {
  const { executor, db, outbox } = await shop();
  const send = (...orders: readonly (readonly [typeof placed | typeof plain, string, string])[]) =>
    outbox.transaction(db, ({ emit }) => {
      for (const [event, order, name] of orders) emit(event({ order, email: email(name) }));
      return Promise.resolve();
    });
  await send([placed, 'o-1', 'ada']);
  // One statement writes these: fields to search by beside none.
  await send([plain, 'o-2', 'bob'], [placed, 'o-3', 'ada'], [placed, 'o-4', 'eve']);
  await db.transaction().execute(async (tx) => {
    await outbox.append(executorOf(tx), [placed({ order: 'o-5', email: email('eve') })]);
  });
  const keys = async (text: string) => (await findEvents(executor, text)).map(({ key }) => key);
  expect(await keys(email('ada'))).toEqual(['o-3', 'o-1']);
  expect(await keys(` ${email('eve')} `)).toEqual(['o-5', 'o-4']);
  expect(await keys(email('bob'))).toEqual([]);
  expect(await keys('o-2')).toEqual(['o-2']);
  const [found] = await findEvents(executor, 'o-3');
  expect(await keys(found?.eventId ?? '')).toEqual(['o-3']);
  expect(await keys(`1.1.${found?.row ?? ''}`)).toEqual(['o-3']);
  expect(await keys(randomUUID())).toEqual([]);
});

it('a value of a field is found by its index, however old the event, and a row without such a field has no entry', async () => {
  const { executor, db, outbox } = await shop();
  await outbox.transaction(db, ({ emit }) => {
    emit(placed({ order: 'o-1', email: email('ada') }));
    return Promise.resolve();
  });
  await executor.query(`select setval('converge.outbox_id', $1)`, [SEARCHED_ROWS + 10]);
  await executor.query(
    `insert into converge.outbox (event_id, topic, key, type, headers, payload)
     select gen_random_uuid(), 'shop.orders', 'k', 'shop.order.seen', '{}', '{}' from generate_series(1, 5000)`,
  );
  await executor.query('analyze converge.outbox');
  expect(await findEvents(executor, email('ada'))).toMatchObject([{ key: 'o-1', published: false }]);
  expect(await findEvents(executor, 'o-1')).toEqual([]);
  const { rows } = await executor.query<{ 'QUERY PLAN': string }>(
    `explain select id from converge.outbox where search @> array[1::bigint]`,
  );
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('outbox_0_search_idx');
});
