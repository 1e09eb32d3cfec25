import { type Answered, type Check, findWrongAnswers, textsOf } from '../check.ts';
import {
  type Effect,
  findMissingEffects,
  findWrongEffects,
  type StepFact,
  type Subscription,
} from '../effects.ts';
import type { LogRecord, Verdict } from '../facts.ts';
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
  return [
    {
      claim: 'one order for each request, however often it was sent',
      looked: answered.length,
      findings: textsOf(
        findWrongAnswers(
          'order',
          shop.orders.map(({ orderId }) => orderId),
          answered,
        ),
      ),
    },
    {
      claim: 'every order completed or compensated, and all services agree',
      holds: 'at_rest',
      looked: shop.orders.length,
      findings: textsOf(findTornOrders({ ...shop, orders: ended })),
    },
    {
      claim: 'money conserved: orders, payments and the provider agree',
      holds: 'at_rest',
      looked: shop.charges.length,
      findings: textsOf(findMoneyOff({ ...shop, orders: sold })),
    },
    {
      claim: 'stock conserved: on hand + reserved + shipped = initial',
      holds: 'at_rest',
      looked: shop.stock.length,
      findings: textsOf(findStockOff(shop)),
    },
    ...logClaims(verdict),
    {
      claim: 'no effect twice, none without an event',
      looked: effects.length,
      findings: textsOf(findWrongEffects(events, effects)),
    },
    {
      claim: 'no event passed over by a consumer',
      holds: 'at_rest',
      looked: effects.length,
      findings: textsOf(findMissingEffects(log, effects, subscriptions, steps)),
    },
  ];
}

function soldAs({ payments }: ShopFacts, orderId: string): string {
  const isPaid = payments.some((one) => one.orderId === orderId && one.state === 'taken');
  return isPaid ? 'confirmed' : 'cancelled';
}
