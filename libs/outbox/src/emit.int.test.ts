import { executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { keysOf, openShop, orderPlaced, type Shop } from './fixture/shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop(inject('stack').databaseUrl);
});
afterAll(() => shop.database.close());

interface Emitted {
  readonly topic?: string | null;
  readonly key?: string | null;
  readonly type?: string | null;
  readonly payload?: string | null;
  readonly headers?: string | null;
  readonly version?: number | null;
}

async function emit(event: Emitted): Promise<string> {
  const { topic, key, type, payload, headers, version } = {
    topic: 'shop.orders',
    key: 'k',
    type: 'shop.order.placed',
    payload: '{}',
    headers: '{}',
    version: 1,
    ...event,
  };
  const { rows } = await shop.database.executor.query<{ id: string }>(
    'select converge.emit($1, $2, $3, $4, $5, $6) as id',
    [topic, key, type, payload, headers, version],
  );
  return rows[0]?.id ?? '';
}

async function stored(
  id: string,
): Promise<{ payload: string; headers: Record<string, string>; key: string }> {
  const { rows } = await shop.database.executor.query<{ payload: string; headers: string; key: string }>(
    'select payload, headers, key from converge.outbox where event_id = $1',
    [id],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('no row');
  return { ...row, headers: JSON.parse(row.headers) as Record<string, string> };
}

const payloads = [
  '{"b":1,  "a":2,\n"b":3}', // order, blanks and a repeated member stay
  '{"big":12345678901234567890,"exact":1.10,"e":1E300}',
  '{"text":"äöü € 😀 \u2028"}',
  '{"nul":"\\u0000","pair":"\\ud83d\\ude00","slash":"\\\\ud800"}',
  '[]',
  'null',
  '"text"',
];

describe('the payload is stored byte for byte', () => {
  it.each(payloads)('converge.emit stores a payload byte for byte: %s', async (payload) => {
    expect((await stored(await emit({ payload }))).payload).toBe(payload);
  });

  it.each(payloads)('append stores a payload byte for byte: %s', async (payload) => {
    const event = { type: 'shop.order.placed', version: 1, topic: 'shop.orders', key: 'ä "\\{},', payload };
    const id = '01890000-0000-7000-8000-000000000001';
    const row = await kyselyTransaction(shop.database.db, {}, async (tx) => {
      await shop.outbox.append(executorOf(tx), [{ ...event, id }]);
      const { rows } = await executorOf(tx).query(
        'select key, payload from converge.outbox where event_id = $1',
        [id],
      );
      await executorOf(tx).query('delete from converge.outbox where event_id = $1', [id]);
      return rows[0];
    });
    expect(row).toEqual({ key: event.key, payload });
  });
});

it('converge.emit writes the same headers as the TypeScript side', async () => {
  const id = await emit({ headers: '{"tenant":"ä","empty":""}', version: 3 });
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
  expect((await stored(id)).headers).toEqual({
    ce_dataschema: 'urn:converge:shop.order.placed:3',
    'content-type': 'application/json',
    ce_correlationid: id,
    tenant: 'ä',
    empty: '',
  });
});

it('ids made in SQL increase with time', async () => {
  const first = await emit({});
  await shop.database.executor.query('select pg_sleep(0.002)');
  expect((await emit({})) > first).toBe(true);
});

describe('an invalid event in SQL', () => {
  it.each<[string, Emitted, string]>([
    ['an empty topic', { topic: '' }, 'topic must be'],
    ['no topic', { topic: null }, 'topic must be'],
    ['a topic that Kafka refuses', { topic: 'a b' }, 'topic must be'],
    ['an empty key', { key: '' }, 'key'],
    ['no key', { key: null }, 'key'],
    ['a key with a line break', { key: 'a\nb' }, 'key'],
    ['a key of more than 1024 bytes', { key: 'ä'.repeat(513) }, 'key'],
    ['an empty type', { type: '' }, 'type must be'],
    ['version 0', { version: 0 }, 'version'],
    ['no payload', { payload: null }, 'is null'],
    ['a payload that is no JSON', { payload: '{a:1}' }, 'not JSON'],
    ['an empty payload', { payload: '' }, 'not JSON'],
    ['a payload that is too large', { payload: JSON.stringify('x'.repeat(900_000)) }, 'at most 900000'],
    ['a key of a prototype', { payload: '{"a":[{"__proto__":1}]}' }, 'prototype'],
    ['an escaped key of a prototype', { payload: String.raw`{"\u0063onstructor" : 1}` }, 'prototype'],
    ['a number that is infinite', { payload: '{"a":"1e9","b":[1e999]}' }, 'Infinity'],
    ['a number of too many digits', { payload: `[${'9'.repeat(400)}]` }, 'Infinity'],
    ['2,000 arrays in each other', { payload: `${'['.repeat(2_000)}${']'.repeat(2_000)}` }, '1000 deep'],
    ['half of a surrogate pair', { payload: '{"a":"\\ud83d"}' }, 'surrogate'],
    ['the other half', { payload: '{"a":"\\ude00 \\ud83d\\ude00"}' }, 'surrogate'],
    ['headers that are no object', { headers: '[]' }, 'JSON object of strings'],
    ['headers that are no JSON', { headers: 'x' }, 'JSON object of strings'],
    ['no headers', { headers: null }, 'JSON object of strings'],
    ['a header that is a number', { headers: '{"a":1}' }, 'is a number, not a string'],
    ['a header of the kit', { headers: '{"CE_hops":"1"}' }, 'set by the kit'],
    ['a trace header', { headers: '{"traceparent":"1"}' }, 'set by the kit'],
    ['a header twice', { headers: '{"a":"1","a":"2"}' }, 'there twice'],
    ['a header name with a blank', { headers: '{"a b":"1"}' }, 'header name'],
    ['a header with a line break', { headers: '{"a":"1\\r\\nb: 2"}' }, 'line break'],
    [
      '65 headers',
      { headers: JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, '']))) },
      'too many',
    ],
    ['headers of more than 8 KB', { headers: JSON.stringify({ a: 'x'.repeat(8_192) }) }, 'too many'],
  ])('converge.emit refuses %s with a sentence, and writes nothing', async (_what, event, text) => {
    const before = (await keysOf(shop)).length;
    const error: unknown = await emit(event).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: '22023', message: expect.stringContaining(text) });
    expect((await keysOf(shop)).length).toBe(before);
  });
});

it('the table refuses events that another writer makes too large', async () => {
  const insert = shop.database.executor.query(
    `insert into converge.outbox (event_id, topic, key, type, headers, payload) values (gen_random_uuid(), 't', 'k', 'x', '{}', repeat('x', 921600))`,
  );
  await expect(insert).rejects.toMatchObject({ code: '23514' });
});

it('a transaction above the size limit is refused before its commit, with nothing written', async () => {
  const { database, outbox } = shop;
  const before = await keysOf(shop);
  const failing = outbox.transaction(database.db, async ({ tx, emit: add }) => {
    await tx.insertInto('orders').values({ id: 'big', cents: 1 }).execute();
    add(orderPlaced({ orderId: 'big', note: 'x'.repeat(900_000) }));
  });
  await expect(failing).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  expect(await keysOf(shop)).toEqual(before);
  expect((await database.executor.query(`select 1 from orders where id = 'big'`)).rowCount).toBe(0);
});

it('a trigger emits in the transaction of its row', async () => {
  const { executor } = shop.database;
  await executor.query(`
    create table item (id text primary key);
    create function item_added() returns trigger language plpgsql as
      $$ begin perform converge.emit('shop.items', new.id, 'shop.item.added', json_build_object('id', new.id)::text); return null; end $$;
    create trigger item_added after insert on item for each row execute function item_added()`);
  await executor.query(`insert into item values ('kept'), ('too')`);
  await expect(executor.query(`insert into item values ('lost'), ('kept')`)).rejects.toMatchObject({
    code: '23505',
  });
  const { rows } = await executor.query(
    `select key, payload from converge.outbox where topic = 'shop.items' order by id`,
  );
  expect(rows).toEqual([
    { key: 'kept', payload: '{"id" : "kept"}' },
    { key: 'too', payload: '{"id" : "too"}' },
  ]);
});

it('converge.emit and append take the same lock for a key', async () => {
  const { database, outbox } = shop;
  const locks = `select classid, objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`;
  const held = await kyselyTransaction(database.db, {}, async (tx) => {
    await executorOf(tx).query(`select converge.emit('shop.orders', 'same', 'x', '{}')`);
    await outbox.append(executorOf(tx), [orderPlaced({ orderId: 'same' })]);
    return (await executorOf(tx).query(locks)).rows;
  });
  expect(held).toHaveLength(1);
});
