import { expect, inject, it } from 'vitest';
import { openShop, orderPlaced, ordersOf } from './fixture/shop.ts';

const HOSTILE = [
  `'); drop table orders; --`,
  `$1 $2 $$ drop table orders $$`,
  `"; delete from converge.outbox; --`,
  `\\'; select pg_sleep(60); --`,
  `{"a":1}'::json; --`,
  `%s %I E'\\x27'`,
  '/* */ -- \u2028 \ufeff',
];

it('texts that are SQL are values wherever an emit takes them: key, data, header, request key', async () => {
  const { database, outbox } = await openShop(inject('stack').databaseUrl);
  for (const text of HOSTILE) {
    const keyed = { requestKey: text.slice(0, 20).replace(/[^\x21-\x7e]/g, '_'), request: text };
    const run = (): Promise<string> =>
      outbox.transaction(database.db, keyed, async ({ tx, emit }) => {
        await tx.insertInto('orders').values({ id: text, cents: 1 }).execute();
        emit(orderPlaced({ orderId: text, note: text }), { headers: { note: encodeURIComponent(text) } });
        return text;
      });
    // The second answer comes from the request key.
    expect([await run(), await run()]).toEqual([text, text]);
  }
  const { rows } = await database.executor.query<{ key: string; payload: string }>(
    'select key, payload from converge.outbox order by id',
  );
  expect(rows.map(({ key }) => key)).toEqual(HOSTILE);
  expect(rows.map(({ payload }) => JSON.parse(payload) as unknown)).toEqual(
    HOSTILE.map((text) => ({ orderId: text, note: text })),
  );
  expect(await ordersOf({ database, outbox })).toEqual([...HOSTILE].sort());
  await database.close();
});
