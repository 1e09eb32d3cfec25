import { readFileSync } from 'node:fs';
import { createOutbox } from '@converge/outbox';
import { newUuidV7 } from '@converge/runtime';
import { orderCancelRequested, orderPlaced } from '@converge/schemas';
import { type HttpService, httpService } from '@converge/service-common';
import { waitUntil } from '@converge/testing';
import type { Kysely } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { SagaScene } from '../../../libs/saga/src/fixture/saga-scene.ts';
import { inventory } from './inventory/consumer.ts';
import type { InventoryDb } from './inventory/tables.ts';
import { cancelOrder } from './orders/cancellation.ts';
import { orders } from './orders/consumer.ts';
import { placeOrder, type OrderRequest } from './orders/placement.ts';
import type { OrdersDb } from './orders/tables.ts';
import { payments } from './payments/consumer.ts';
import { providerClient } from './payments/provider-client.ts';
import type { PaymentsDb } from './payments/tables.ts';
import { providerApi } from './provider/api.ts';
import type { Behaviour } from './provider/behaviour.ts';
import type { ProviderDb } from './provider/tables.ts';
import { shipping } from './shipping/consumer.ts';
import type { ShippingDb } from './shipping/tables.ts';

/** The whole shop in one database and one process, over a memory broker: `make demo` runs it as it is deployed. */
type ShopDb = OrdersDb & InventoryDb & PaymentsDb & ShippingDb & ProviderDb;

const tables = [
  '../../common/sql/001-effect.sql',
  '../sql/orders/001-orders.sql',
  '../sql/orders/002-cancellation.sql',
  '../sql/inventory/001-stock.sql',
  '../sql/payments/001-payments.sql',
  '../sql/payments/002-saga.sql',
  '../sql/shipping/001-parcels.sql',
  '../sql/provider/001-charges.sql',
].map((path) => readFileSync(new URL(path, import.meta.url), 'utf8'));

let scene: SagaScene<ShopDb>;
let server: HttpService;
const outbox = createOutbox([orderPlaced, orderCancelRequested]);

beforeAll(async () => {
  scene = await SagaScene.open<ShopDb>(inject('stack').databaseUrl, tables.join(';\n'));
  await scene.rows(`insert into stock (sku, initial, on_hand) values ('cup', 1000, 1000), ('rare', 1, 1)`);
  server = httpService(providerApi(scene.database.db), 0);
  await server.start();
  const provider = providerClient(`http://127.0.0.1:${server.port}`);
  // Each service knows its own tables only; here they are in one database.
  const all = [orders, inventory, payments(provider), shipping] as unknown as Parameters<
    typeof scene.start
  >[0];
  await scene.start(all);
});
afterEach(() => behave({ mode: 'normal' }));
afterAll(async () => {
  await scene.close();
  await server.stop();
});

async function behave(behaviour: Partial<Behaviour>): Promise<void> {
  const body = JSON.stringify(behaviour);
  await fetch(`http://127.0.0.1:${server.port}/admin/behaviour`, { method: 'PUT', body });
}

const cups: OrderRequest = { lines: [{ sku: 'cup', quantity: 2, unitCents: 450 }], country: 'PT' };

async function place(request: OrderRequest = cups): Promise<string> {
  const db = scene.database.db as unknown as Kysely<OrdersDb>;
  const { orderId } = await placeOrder({ db, outbox, newId: newUuidV7 }, newUuidV7(), request);
  return orderId;
}

const cancel = (orderId: string) => cancelOrder({ db: scene.database.db, outbox }, orderId);

/** What came of an order: its state, its goods, what the provider holds for it, and whether a parcel left. */
interface Outcome {
  readonly state: string;
  readonly goods: string | null;
  readonly cents: number;
  readonly parcel: boolean;
}

async function outcomeOf(orderId: string): Promise<Outcome | undefined> {
  const [row] = await scene.rows<Outcome>(
    `select o.state, (select string_agg(distinct r.state, '+') from reservation r where r.order_id = o.order_id) as goods,
            coalesce((select amount_cents - refunded_cents from charge where key = o.order_id::text and state = 'taken'), 0) as cents,
            exists (select from parcel p where p.order_id = o.order_id) as parcel
       from orders o where order_id = $1`,
    [orderId],
  );
  return row;
}

async function ends(orderId: string, wanted: Outcome): Promise<void> {
  let last: Outcome | undefined;
  const same = async (): Promise<boolean> => {
    last = await outcomeOf(orderId);
    return JSON.stringify(last) === JSON.stringify(wanted);
  };
  await waitUntil(same, { what: `the order to be ${JSON.stringify(wanted)}`, deadlineMs: 30_000 }).catch(
    (error: unknown) => {
      throw new Error(`it is ${JSON.stringify(last)}`, { cause: error });
    },
  );
}

const sold: Outcome = { state: 'confirmed', goods: 'shipped', cents: 900, parcel: true };
const undone: Outcome = { state: 'cancelled', goods: 'released', cents: 0, parcel: false };

describe('an order', () => {
  it('is reserved, paid, shipped and confirmed', async () => ends(await place(), sold));

  it('that the shelf cannot serve is cancelled, and nothing moves', async () => {
    const request = { ...cups, lines: [{ sku: 'rare', quantity: 2, unitCents: 5 }] };
    await ends(await place(request), { ...undone, goods: null });
  });

  it.each<[string, OrderRequest, Partial<Behaviour>]>([
    ['that is declined', cups, { mode: 'decline' }],
    ['over our limit', { ...cups, lines: [{ sku: 'cup', quantity: 9, unitCents: 90_000 }] }, {}],
    ['that the carrier refuses', { ...cups, country: 'AQ' }, {}],
  ])('%s is undone step by step: stock and money are back', async (_what, request, behaviour) => {
    await behave({ mode: 'normal', ...behaviour });
    await ends(await place(request), undone);
  });

  // Planted fault: a payment with neither `query` nor a key, whose lost answer nobody can ask for, stays placed and fails here.
  it('whose payment’s answer is lost is asked about, and charged once', async () => {
    await behave({ mode: 'late', lateMs: 5_000 });
    const orderId = await place();
    await ends(orderId, sold);
    const charges = await scene.rows('select key from charge where key = $1', [orderId]);
    expect(charges).toHaveLength(1);
  });

  it.each(['hang', 'fail'] as const)('waits while the provider would %s, and goes on', async (mode) => {
    await behave({ mode });
    const orderId = await place();
    const tried = () =>
      scene.rows(`select 1 from converge.saga_work where key = $1 and op = 'apply' and attempts >= 2`, [
        orderId,
      ]);
    await waitUntil(async () => (await tried()).length > 0, { what: 'a second call', deadlineMs: 30_000 });
    expect(await outcomeOf(orderId)).toMatchObject({ state: 'placed', goods: 'held', parcel: false });
    await behave({ mode: 'normal' });
    await ends(orderId, sold);
  });
});

describe('an order that the customer calls off', () => {
  it('while it is being paid is undone, whatever becomes of the payment', async () => {
    await behave({ mode: 'late', lateMs: 1_000 });
    const orderId = await place();
    const charged = () => scene.rows('select 1 from charge where key = $1', [orderId]);
    await waitUntil(async () => (await charged()).length > 0, { what: 'the charge' });
    expect(await cancel(orderId)).toEqual({ kind: 'requested' });
    await ends(orderId, undone);
    expect(await cancel(orderId)).toEqual({ kind: 'cancelled' });
  });

  it('after its parcel left stays sold', async () => {
    const orderId = await place();
    await ends(orderId, sold);
    expect(await cancel(orderId)).toEqual({ kind: 'too_late' });
    // The request that was on its way when the parcel left: the saga refuses it.
    await scene.emit(orderCancelRequested({ orderId, reason: 'too late' }));
    const refused = () =>
      scene.rows(`select 1 from converge.saga_step s join converge.saga_fence f using (saga, instance, step)
                   where f.key = $1 and s.act = 'cancel_refused'`, [orderId]); // prettier-ignore
    await waitUntil(async () => (await refused()).length > 0, { what: 'the refusal' });
    await ends(orderId, sold);
  });
});

it('no cup was made or lost in all of that', async () => {
  const rows = await scene.rows(
    `select sku from stock where on_hand + reserved + shipped <> initial
        or reserved <> coalesce((select sum(quantity) from reservation r where r.sku = stock.sku and state = 'held'), 0)`,
  );
  expect(rows).toEqual([]);
});
