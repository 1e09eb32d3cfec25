import { connect, createOutbox, outboxMigrations } from 'convergekit/postgres';
import { type Database, newUuidV7 } from 'convergekit';
import { orderCancelRequested, orderPlaced } from '@convergekit/schemas';
import { type FaultProxy, faultProxy, waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { type ServedApp, serveApp } from '../../../../libs/kit/src/fixture/serve-app.ts';
import { shopMigrations } from '../migrations.ts';
import { ordersApi } from './api.ts';
import { endOrder } from './end-order.ts';
import type { OrdersDb } from './tables.ts';

let databaseUrl: string;
let database: Database<OrdersDb>;
let server: ServedApp;
let proxy: FaultProxy;

const apiOf = ({ db }: Database<OrdersDb>): ReturnType<typeof ordersApi> =>
  ordersApi({
    db,
    transaction: createOutbox([orderPlaced, orderCancelRequested]).for(db),
    newId: newUuidV7,
  });

beforeAll(async () => {
  const sets = [outboxMigrations, ...shopMigrations.orders];
  const options = { prefix: 'orders' };
  ({ url: databaseUrl, database } = await migratedDatabase<OrdersDb>(
    inject('stack').databaseUrl,
    sets,
    options,
  ));
  server = await serveApp(() => apiOf(database));
  proxy = await faultProxy({ target: `127.0.0.1:${server.port}` });
});

afterAll(async () => {
  await proxy.close();
  await server.stop();
  await database.close();
});

const tea = { lines: [{ sku: 'tea', quantity: 2, unitCents: 450 }], country: 'PT' };

function post(key: string | undefined, body: unknown, port = server.port): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

interface Answer {
  readonly orderId: string;
}

async function written(orderIds: readonly string[]): Promise<{ orders: number; events: number }> {
  const { rows } = await database.executor.query<{ orders: string; events: string }>(
    `select (select count(*) from orders where order_id = any($1::uuid[])) as orders,
            (select count(*) from converge.outbox where key = any($1::text[])) as events`,
    [orderIds],
  );
  return { orders: Number(rows[0]?.orders), events: Number(rows[0]?.events) };
}

async function total(): Promise<number> {
  const { rows } = await database.executor.query<{ n: string }>('select count(*) as n from orders');
  return Number(rows[0]?.n);
}

describe('POST /orders', () => {
  it('POST /orders places an order, emits its event, and shows it with its history', async () => {
    const response = await post('first', tea);
    expect(response.status).toBe(201);
    const placed = (await response.json()) as Answer;
    expect(placed).toMatchObject({ state: 'placed', totalCents: 900 });
    expect(await written([placed.orderId])).toEqual({ orders: 1, events: 1 });
    const shown = await fetch(`http://127.0.0.1:${server.port}/orders/${placed.orderId}`);
    expect(await shown.json()).toMatchObject({
      ...placed,
      reason: null,
      history: [{ state: 'placed', detail: null }],
    });
  });

  // Planted fault: a request key that is new for each request (`placeOrder`) fails here, and in the next two.
  it('C8, G3g: a repeated request gets the stored answer and has no other effect', async () => {
    const first = (await (await post('again', tea)).json()) as Answer;
    const before = await total();
    const second = await post('again', { country: 'PT', lines: tea.lines });
    expect([second.status, await second.json()]).toEqual([201, first]);
    expect(await total()).toBe(before);
  });

  it('C8, G3g: twenty concurrent requests with one key create one order and one event', async () => {
    const before = await total();
    const responses = await Promise.all(Array.from({ length: 20 }, () => post('at-once', tea)));
    const bodies = (await Promise.all(responses.map((response) => response.json()))) as Answer[];
    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(201));
    expect(new Set(bodies.map(({ orderId }) => orderId)).size).toBe(1);
    expect(await total()).toBe(before + 1);
    expect(await written([bodies[0]!.orderId])).toEqual({ orders: 1, events: 1 });
  });

  it('a client that repeats after its connection was cut creates one order and one event', async () => {
    const before = await total();
    proxy.dropReplies();
    const lost = post('cut', tea, proxy.port).then(
      () => 'answered',
      () => 'cut',
    );
    await waitUntil(async () => (await total()) === before + 1, { what: 'the order of the lost answer' });
    proxy.cut();
    expect(await lost).toBe('cut');
    proxy.restore();
    const response = await post('cut', tea, proxy.port);
    const placed = (await response.json()) as Answer;
    expect(response.status).toBe(201);
    expect(await total()).toBe(before + 1);
    expect(await written([placed.orderId])).toEqual({ orders: 1, events: 1 });
  });

  it('S71: POST /orders answers 503 while its database is away, and a repeat then places the order', async () => {
    const url = new URL(databaseUrl);
    const away = await faultProxy({ target: url.host });
    url.host = away.address;
    const behind = connect<OrdersDb>({ url: url.href, max: 1 });
    const other = await serveApp(() => apiOf(behind));
    onTestFinished(async () => {
      await other.stop();
      await behind.close();
      await away.close();
    });
    const before = await total();
    away.cut();
    const response = await post('away', tea, other.port);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: 'TRY_AGAIN' } });
    expect([other.errors.length, await total()]).toEqual([1, before]);
    away.restore();
    expect((await post('away', tea, other.port)).status).toBe(201);
    expect(await total()).toBe(before + 1);
  });

  it('another request under a used key is refused', async () => {
    await post('used', tea);
    const response = await post('used', { ...tea, country: 'SE' });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ error: { code: 'REQUEST_KEY_REUSED' } });
  });

  it.each([
    ['no key', undefined, tea, 'REQUEST_KEY_INVALID', 'send the header Idempotency-Key'],
    ['a key that is too long', 'k'.repeat(256), tea, 'REQUEST_KEY_INVALID', '1 to 255'],
    ['a body that is not JSON', 'j', '{"lines":', 'BODY_INVALID', 'not JSON'],
    ['no lines', 'l', { ...tea, lines: [] }, 'BODY_INVALID', 'lines'],
    [
      'a negative quantity',
      'q',
      { ...tea, lines: [{ ...tea.lines[0], quantity: -1 }] },
      'BODY_INVALID',
      'quantity',
    ],
    ['a total of its own', 't', { ...tea, totalCents: 1 }, 'BODY_INVALID', 'totalCents'],
  ])(
    'a request with %s is refused with the reason, and writes nothing',
    async (_what, key, body, code, text) => {
      const before = await total();
      const response = await post(key, body);
      const { error } = (await response.json()) as { error: { code: string; message: string } };
      expect([response.status, error.code]).toEqual([400, code]);
      expect(error.message).toContain(text);
      expect(await total()).toBe(before);
      expect(server.errors).toEqual([]);
    },
  );

  it('GET of an unknown order answers 404', async () => {
    const show = (id: string): Promise<Response> => fetch(`http://127.0.0.1:${server.port}/orders/${id}`);
    expect((await show(newUuidV7())).status).toBe(404);
    expect((await show('7')).status).toBe(400);
  });
});

describe('POST /orders/:id/cancel', () => {
  const cancel = async (id: string): Promise<readonly [number, unknown]> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/orders/${id}/cancel`, { method: 'POST' });
    return [response.status, await response.json()];
  };
  const place = async (key: string): Promise<string> =>
    ((await (await post(key, tea)).json()) as Answer).orderId;

  it('repeated cancel requests request one cancellation from the order’s saga', async () => {
    const orderId = await place('to-cancel');
    const answers = await Promise.all(Array.from({ length: 5 }, () => cancel(orderId)));
    expect(answers).toEqual(Array(5).fill([202, { orderId, cancellation: 'requested' }]));
    // Placed, and to be cancelled.
    expect(await written([orderId])).toEqual({ orders: 1, events: 2 });
  });

  it('cancelling a cancelled, confirmed or unknown order is answered without a request to the saga', async () => {
    const [done, late] = [await place('is-cancelled'), await place('is-confirmed')];
    await database.db.transaction().execute(async (tx) => {
      await endOrder(tx, done, { state: 'cancelled', reason: 'out of stock' });
      await endOrder(tx, late, { state: 'confirmed' });
    });
    expect(await cancel(done)).toEqual([200, { orderId: done, cancellation: 'done' }]);
    expect(await cancel(late)).toMatchObject([409, { error: { code: 'ORDER_CONFIRMED' } }]);
    expect(await written([done, late])).toEqual({ orders: 2, events: 2 });
    expect((await cancel(newUuidV7()))[0]).toBe(404);
    expect((await cancel('7'))[0]).toBe(400);
  });
});
