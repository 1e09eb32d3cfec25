/** Planted fault: with each event checked only before its own insert, earlier events are written here. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { keysOf, openShop, orderPlaced, type Shop } from './fixture/shop.ts';
import { limitTopic } from './limit.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop(inject('stack').databaseUrl);
});
afterAll(() => shop.database.close());

// Planted fault: without the rule of names a row may have a key of 200 MB, which no record can carry.
it.each([
  ['key', 1_024],
  ['type', 200],
  ['topic', 249],
] as const)('a row that is inserted past emit has a %s of at most %i bytes', async (column, most) => {
  const insert = (size: number) =>
    shop.database.executor.query(
      `insert into converge.outbox (event_id, topic, key, type, headers, payload)
       select gen_random_uuid(), r.topic, r.key, r.type, '{}', '{}'
         from jsonb_to_record($1) as r (topic text, key text, type text)`,
      [JSON.stringify({ topic: 'shop', key: 'k', type: 't', [column]: 'x'.repeat(size) })],
    );
  await expect(insert(most + 1)).rejects.toMatchObject({ code: '23514' });
  await expect(insert(0)).rejects.toMatchObject({ code: '23514' });
  await insert(most);
  await shop.database.executor.query('truncate converge.outbox');
});

it('one oversized event among ten thousand is named, and none is written, even outside a transaction', async () => {
  const events = Array.from({ length: 10_000 }, (_, n) => {
    const event = orderPlaced({ orderId: `order-${n}` });
    // The event is oversized, as from a writer without the contract, which would refuse it at creation.
    return n === 9_000 ? { ...event, payload: JSON.stringify('x'.repeat(900_000)) } : event;
  });
  const failing = shop.outbox.append(shop.database.executor, events);
  await expect(failing).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  expect(await keysOf(shop)).toEqual([]);
  await shop.outbox.append(
    shop.database.executor,
    events.filter((_, n) => n !== 9_000),
  );
  expect(await keysOf(shop)).toHaveLength(9_999);
});

// Such a record is undecodable to every consumer.
it('a row that is inserted past emit has at most as many headers as consumers read', async () => {
  const insert = (count: number) =>
    shop.database.executor.query(
      `insert into converge.outbox (event_id, topic, key, type, headers, payload)
       select gen_random_uuid(), 'shop', 'k', 't', '{' || string_agg('"h' || n || '":""', ',') || '}', '{}' from generate_series(1, $1::int) n`,
      [count],
    );
  await expect(insert(2_000)).rejects.toMatchObject({ code: '23514', constraint: 'outbox_rules' });
  await insert(240);
});

// Planted fault: without the rule a loaded row is published once more, as an event of this source.
it('a row that another transaction wrote, as a dump has it, is refused, and a replica takes it', async () => {
  const { executor } = shop.database;
  const load = `insert into converge.outbox (xid, event_id, topic, key, type, headers, payload)
    values ('3', gen_random_uuid(), 'shop', 'k', 't', '{}', '{}')`;
  await expect(executor.query(load)).rejects.toMatchObject({ code: '23514', constraint: 'outbox_loaded' });
  await executor.query(`begin; set local session_replication_role = replica; ${load}; commit`);
});

it('an event that is larger than a record of its topic is refused at emit, and is taken when the limit is raised', async () => {
  const { executor } = shop.database;
  const event = orderPlaced({ orderId: 'large', note: 'x'.repeat(30_000) });
  await limitTopic(executor, event.topic, 20_000);
  const append = () => shop.outbox.append(executor, [event]);
  await expect(append()).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE', category: 'data' });
  await expect(
    executor.query(`select converge.emit($1, 'k', 'a.b', to_json(repeat('x', 30000))::text)`, [event.topic]),
  ).rejects.toMatchObject({ code: '23514', constraint: 'outbox_topic_limit' });
  await limitTopic(executor, event.topic, 1_048_588);
  await append();
});

// Without the bounds the outbox has no ids left after a few calls, and refuses every emit.
it('a relay cannot use up the ids of the outbox by ranges of any size', async () => {
  for (const args of ['1, 9007199254740', '1, 0', '1000000, 1000000'])
    await expect(
      shop.database.executor.query(`select converge.outbox_add_child(${args})`),
    ).rejects.toMatchObject({ code: '22023' });
});
