import { placeOrderShape } from '../../../checker/sagas/shapes.ts';
import { listRepairs, type Repair } from '../../operator.ts';
import { type Count, lookAtServices, type Services } from '../../services.ts';
import type { Look } from '../../types.ts';
import type { Shop } from './shop.ts';
import { type DatabaseName, sources } from './specs.ts';
import type { Database } from '@convergekit/postgres';
import type { ShopFacts } from '../../../checker/shop/books.ts';

type Executors = Readonly<Record<DatabaseName, Pick<Database, 'executor'>>>;

const factSql: Readonly<Record<keyof ShopFacts, readonly [DatabaseName, string]>> = {
  orders: ['orders', `select order_id as "orderId", state, total_cents as "totalCents", lines from orders`],
  stock: ['inventory', `select sku, initial, on_hand as "onHand", reserved, shipped from stock order by sku`],
  reservations: ['inventory', `select order_id as "orderId", sku, quantity, state from reservation`],
  payments: ['payments', `select order_id as "orderId", state, amount_cents as "amountCents" from payment`],
  parcels: ['shipping', `select order_id as "orderId" from parcel`],
  charges: [
    'provider',
    `select key as "orderId", state, amount_cents as "amountCents", refunded_cents as "refundedCents" from charge`,
  ],
};

/** Reads the business state of all services, and the provider's own ledger. */
export async function readShop(databases: Executors): Promise<ShopFacts> {
  const read = Object.entries(factSql).map(async ([name, [database, text]]) => {
    return [name, (await databases[database].executor.query(text)).rows] as const;
  });
  return Object.fromEntries(await Promise.all(read)) as unknown as ShopFacts;
}

/** Counts orders by state. */
export async function orderStates({ orders }: Executors): Promise<(state: string) => number> {
  const text = 'select state, count(*)::int as n from orders group by state';
  const { rows } = await orders.executor.query<{ state: string; n: number }>(text);
  return (state) => rows.find((row) => row.state === state)?.n ?? 0;
}

async function countHeld({ inventory }: Executors): Promise<number> {
  const text = `select count(distinct order_id)::int as n from reservation where state = 'held'`;
  return (await inventory.executor.query<{ n: number }>(text)).rows[0]?.n ?? 0;
}

const RECONCILERS = ['stock-vs-orders', 'stock-counters', 'payments-vs-provider', 'order-list'];

export function servicesOf(shop: Shop): Services {
  return { ...shop, names: sources, shape: placeOrderShape, observedIn: 'orders' };
}

/** Counts everything that is open in a shop, and what consumers have not read yet. `drifted`: keys to be repaired. */
export function lookAtShop(shop: Shop, drifted = 0): Promise<Look> {
  return lookAtServices(servicesOf(shop), async (stuck): Promise<readonly Count[]> => [
    [(await orderStates(shop.databases))('placed') - stuck, 'orders are open'],
    [(await countHeld(shop.databases)) - stuck, 'orders hold stock'],
    [drifted === 0 ? 0 : drifted - (await repairsOf(shop)).length, 'keys have drifted'],
  ]);
}

export function repairsOf(shop: Pick<Shop, 'urls' | 'providerUrl'>): Promise<readonly Repair[]> {
  return listRepairs(reconcileEnvOf(shop), RECONCILERS);
}

/** The environment of commands about the shop's reconcilers. */
export function reconcileEnvOf({ urls, providerUrl }: Pick<Shop, 'urls' | 'providerUrl'>) {
  return {
    CONVERGE__DATABASES__ORDERS: urls.orders,
    CONVERGE__DATABASES__INVENTORY: urls.inventory,
    CONVERGE__DATABASES__PAYMENTS: urls.payments,
    SHOP_PROVIDER_URL: providerUrl,
  };
}
