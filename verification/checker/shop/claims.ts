import { type Answered, type Check, checkOf, findWrongAnswers } from '../check.ts';
import {
  type Effect,
  findMissingEffects,
  findWrongEffects,
  type StepFact,
  type Subscription,
} from '../effects.ts';
import type { LogRecord } from '../facts.ts';
import type { Verdict } from '../log-check.ts';
import { logClaims } from '../log-claims.ts';
import { findMoneyOff, findStockOff, findTornOrders, type ShopFacts } from './books.ts';

/** What the shop's databases, topics and narratives show. */
export interface ShopDump {
  readonly events: readonly { readonly eventId: string }[];
  readonly log: readonly LogRecord[];
  readonly verdict: Verdict;
  readonly effects: readonly Effect[];
  readonly steps: readonly StepFact[];
  readonly shop: ShopFacts;
  readonly answered: readonly Answered[];
  /** Orders whose saga waits for an operator: how they end is not decided yet. */
  readonly stuck: ReadonlySet<string>;
}

/** The shop's claims over its dump, in the order of the report. */
export function shopClaims(dump: ShopDump, subscriptions: readonly Subscription[]): readonly Check[] {
  const { events, log, verdict, effects, steps, shop, answered, stuck } = dump;
  const ended = shop.orders.filter(({ orderId }) => !stuck.has(orderId));
  // A run that waits for an operator after the pivot has sold its goods, though it is not confirmed.
  const sold = shop.orders.map((order) =>
    stuck.has(order.orderId) ? { ...order, state: soldAs(shop, order.orderId) } : order,
  );
  const ids = shop.orders.map(({ orderId }) => orderId);
  const each = 'one order for each request, however often it was sent';
  const torn = 'every order completed or compensated, and all services agree';
  const money = 'money conserved: orders, payments and the provider agree';
  const stock = 'stock conserved: on hand + reserved + shipped = initial';
  const missing = findMissingEffects(log, effects, subscriptions, steps);
  return [
    checkOf(each, answered.length, findWrongAnswers('order', ids, answered)),
    checkOf(torn, ids.length, findTornOrders({ ...shop, orders: ended }), 'at_rest'),
    checkOf(money, shop.charges.length, findMoneyOff({ ...shop, orders: sold }), 'at_rest'),
    checkOf(stock, shop.stock.length, findStockOff(shop), 'at_rest'),
    ...logClaims(verdict),
    checkOf('no effect twice, none without an event', effects.length, findWrongEffects(events, effects)),
    checkOf('no event passed over by a consumer', effects.length, missing, 'at_rest'),
  ];
}

function soldAs({ payments }: ShopFacts, orderId: string): string {
  const isPaid = payments.some((one) => one.orderId === orderId && one.state === 'taken');
  return isPaid ? 'confirmed' : 'cancelled';
}
