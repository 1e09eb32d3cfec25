import { orderCancelRequested } from '@convergekit/schemas';
import { waitUntil } from '@convergekit/testing';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { cups, ShopScene } from './fixture/shop-scene.ts';
import { cancelOrder } from './orders/cancellation.ts';
import type { OrderRequest } from './orders/placement.ts';
import type { Behaviour } from './provider/behaviour.ts';

let shop: ShopScene;
beforeAll(async () => {
  shop = await ShopScene.open(inject('stack').databaseUrl);
});
afterEach(() => shop.behave({ mode: 'normal' }));
afterAll(() => shop.close());

const behave = (behaviour: Partial<Behaviour>) => shop.behave(behaviour);
const place = (request?: OrderRequest) => shop.place(request);
const cancel = (orderId: string) => cancelOrder(shop.transaction, orderId);

/** The result of an order: state, goods, the provider's charge, and whether a parcel was handed over. */
interface Outcome {
  readonly state: string;
  readonly goods: string | null;
  readonly cents: number;
  readonly parcel: boolean;
}

async function outcomeOf(orderId: string): Promise<Outcome | undefined> {
  const [row] = await shop.scene.rows<Outcome>(
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
  await waitUntil(same, { what: `the order to be ${JSON.stringify(wanted)}` }).catch((error: unknown) => {
    throw new Error(`it is ${JSON.stringify(last)}`, { cause: error });
  });
}

/** Records what the steps of an order's saga did. Later versions replay it: schemas/src/histories.test.ts. */
async function recorded(orderId: string, name: string): Promise<void> {
  const instance = `select instance from converge.saga_fence where key = $1 limit 1`;
  const [row] = await shop.scene.rows<{ instance: string }>(instance, [orderId]);
  const file = new URL(`../../../schemas/histories/shop.place-order.v1.${name}.json`, import.meta.url);
  const history = await shop.scene.history(row!.instance);
  await expect(withOneCloser(history)).toMatchFileSnapshot(file.pathname);
}

/** Either event may close shipping's step: they are of two topics, and the first that comes does. */
function withOneCloser(history: string): string {
  return history.replace(
    /("trigger": "close",[^}]*"cause": )"shop\.stock\.released"/,
    '$1"shop.payment.declined"',
  );
}

const sold: Outcome = { state: 'confirmed', goods: 'shipped', cents: 900, parcel: true };
const undone: Outcome = { state: 'cancelled', goods: 'released', cents: 0, parcel: false };

describe('an order', () => {
  it('an order is reserved, paid, shipped and confirmed', async () => {
    const orderId = await place();
    await ends(orderId, sold);
    await recorded(orderId, 'sold');
  });

  it('an order without enough stock is cancelled, and nothing moves', async () => {
    const request = { ...cups, lines: [{ sku: 'rare', quantity: 2, unitCents: 5 }] };
    await ends(await place(request), { ...undone, goods: null });
  });

  it.each<[string, OrderRequest, Partial<Behaviour>]>([
    ['an order whose payment is declined', cups, { mode: 'decline' }],
    ['an order above our limit', { ...cups, lines: [{ sku: 'cup', quantity: 9, unitCents: 90_000 }] }, {}],
    ['an order that the carrier refuses', { ...cups, country: 'AQ' }, {}],
  ])(
    'S64, S28: %s is compensated step by step: stock and money are back',
    async (what, request, behaviour) => {
      await behave({ mode: 'normal', ...behaviour });
      const orderId = await place(request);
      await ends(orderId, undone);
      // Shipping receives the end of the saga, and closes its step.
      const closed = () =>
        shop.scene.rows(`select 1 from converge.saga_fence where key = $1 and step = 'ship'`, [orderId]);
      await waitUntil(async () => (await closed()).length > 0, { what: 'shipping to know of the end' });
      await recorded(orderId, what.split(' ').at(-1)!);
    },
  );

  // Planted fault: a payment with neither `query` nor a key, whose lost answer cannot be queried, stays placed and fails here.
  it('an order whose payment’s answer is lost is queried, and charged once', async () => {
    await behave({ mode: 'late', lateMs: 5_000 });
    const orderId = await place();
    await ends(orderId, sold);
    const charges = await shop.scene.rows('select key from charge where key = $1', [orderId]);
    expect(charges).toHaveLength(1);
  });

  it.each(['hang', 'fail'] as const)(
    'an order waits while the provider would %s, and then continues',
    async (mode) => {
      await behave({ mode });
      const orderId = await place();
      const tried = () =>
        shop.scene.rows(
          `select 1 from converge.saga_work where key = $1 and op = 'apply' and attempts >= 2`,
          [orderId],
        );
      await waitUntil(async () => (await tried()).length > 0, { what: 'a second call' });
      expect(await outcomeOf(orderId)).toMatchObject({ state: 'placed', goods: 'held', parcel: false });
      await behave({ mode: 'normal' });
      await ends(orderId, sold);
    },
  );
});

describe('an order that the customer cancels', () => {
  it('an order cancelled during its payment is compensated, whatever the payment’s outcome', async () => {
    await behave({ mode: 'late', lateMs: 1_000 });
    const orderId = await place();
    const charged = () => shop.scene.rows('select 1 from charge where key = $1', [orderId]);
    await waitUntil(async () => (await charged()).length > 0, { what: 'the charge' });
    expect(await cancel(orderId)).toEqual({ kind: 'requested' });
    await ends(orderId, undone);
    expect(await cancel(orderId)).toEqual({ kind: 'cancelled' });
  });

  it('an order cancelled after its parcel was handed over stays confirmed', async () => {
    const orderId = await place();
    await ends(orderId, sold);
    expect(await cancel(orderId)).toEqual({ kind: 'too_late' });
    // The request was in flight when the parcel was handed over: the saga refuses it.
    await shop.scene.emit(orderCancelRequested({ orderId, reason: 'too late' }));
    const refused = () =>
      shop.scene.rows(`select 1 from converge.saga_step s join converge.saga_fence f using (saga, instance, step)
                   where f.key = $1 and s.act = 'cancel_refused'`, [orderId]); // prettier-ignore
    await waitUntil(async () => (await refused()).length > 0, { what: 'the refusal' });
    await ends(orderId, sold);
  });
});

it('the sum of the stock is unchanged by all orders of this file', async () => {
  const rows = await shop.scene.rows(
    `select sku from stock where on_hand + reserved + shipped <> initial
        or reserved <> coalesce((select sum(quantity) from reservation r where r.sku = stock.sku and state = 'held'), 0)`,
  );
  expect(rows).toEqual([]);
});
