import type { Finding } from '../check.ts';

export interface OrderFact {
  readonly orderId: string;
  readonly state: string;
  readonly totalCents: number;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
}

export interface StockFact {
  readonly sku: string;
  readonly initial: number;
  readonly onHand: number;
  readonly reserved: number;
  readonly shipped: number;
}

export interface ReservationFact {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly state: string;
}

export interface PaymentFact {
  readonly orderId: string;
  readonly state: string;
  readonly amountCents: number;
}

/** A charge in the provider's ledger; the idempotency key is the order's id. */
export interface ChargeFact {
  readonly orderId: string;
  readonly state: string;
  readonly amountCents: number;
  readonly refundedCents: number;
}

export interface ShopFacts {
  readonly orders: readonly OrderFact[];
  readonly stock: readonly StockFact[];
  readonly reservations: readonly ReservationFact[];
  readonly payments: readonly PaymentFact[];
  readonly parcels: readonly { readonly orderId: string }[];
  readonly charges: readonly ChargeFact[];
}

/** Finds orders that have not ended, or whose end the services disagree on. */
export function findTornOrders(facts: ShopFacts): readonly Finding[] {
  const reservations = Map.groupBy(facts.reservations, ({ orderId }) => orderId);
  const payments = new Map(facts.payments.map((payment) => [payment.orderId, payment]));
  const charges = new Map(facts.charges.map((charge) => [charge.orderId, charge]));
  const parcels = new Set(facts.parcels.map(({ orderId }) => orderId));
  return facts.orders.flatMap((order): Finding[] => {
    if (order.state === 'placed')
      return [{ kind: 'order_open', message: `order ${order.orderId} never ended` }];
    const lines = reservations.get(order.orderId) ?? [];
    const payment = payments.get(order.orderId);
    const charge = charges.get(order.orderId);
    const net = charge?.state === 'taken' ? charge.amountCents - charge.refundedCents : 0;
    const torn = (what: string): Finding => ({
      kind: 'order_torn',
      message: `order ${order.orderId} is ${order.state}, but ${what}`,
    });
    if (order.state === 'confirmed')
      return [
        ...(sameLines(order, lines) ? [] : [torn('what was shipped is not what was ordered')]),
        ...(payment?.state === 'taken' ? [] : [torn(`its payment is ${payment?.state ?? 'not there'}`)]),
        ...(net === order.totalCents ? [] : [torn(`the provider holds ${net} of ${order.totalCents} cents`)]),
        ...(parcels.has(order.orderId) ? [] : [torn('no parcel left')]),
      ];
    return [
      ...(lines.every(({ state }) => state === 'released') ? [] : [torn('goods are still held or gone')]),
      ...(payment === undefined || ['declined', 'refunded'].includes(payment.state)
        ? []
        : [torn(`its payment is ${payment.state}`)]),
      ...(net === 0 ? [] : [torn(`the provider holds ${net} cents`)]),
      ...(parcels.has(order.orderId) ? [torn('a parcel left')] : []),
    ];
  });
}

function sameLines(order: OrderFact, reserved: readonly ReservationFact[]): boolean {
  const ordered = new Map<string, number>();
  for (const { sku, quantity } of order.lines) ordered.set(sku, (ordered.get(sku) ?? 0) + quantity);
  const shipped = reserved.filter(({ state }) => state === 'shipped');
  return (
    shipped.length === ordered.size && shipped.every(({ sku, quantity }) => ordered.get(sku) === quantity)
  );
}

/** Finds differences between payments and confirmed orders, in the books of provider and shop. */
export function findMoneyOff(facts: ShopFacts): readonly Finding[] {
  const owed = sum(
    facts.orders.filter(({ state }) => state === 'confirmed').map(({ totalCents }) => totalCents),
  );
  const ours = sum(
    facts.payments.filter(({ state }) => state === 'taken').map(({ amountCents }) => amountCents),
  );
  const theirs = sum(
    facts.charges
      .filter(({ state }) => state === 'taken')
      .map(({ amountCents, refundedCents }) => amountCents - refundedCents),
  );
  if (owed === ours && ours === theirs) return [];
  return [
    {
      kind: 'money_off',
      message: `confirmed orders cost ${owed} cents, payments holds ${ours}, the provider charged ${theirs} net`,
    },
  ];
}

/** on hand + reserved + shipped = initial, and the counters are what the reservations say. */
export function findStockOff({ stock, reservations }: ShopFacts): readonly Finding[] {
  return stock.flatMap(({ sku, initial, onHand, reserved, shipped }): Finding[] => {
    const of = (state: string): number =>
      sum(
        reservations
          .filter((line) => line.sku === sku && line.state === state)
          .map(({ quantity }) => quantity),
      );
    const off = (message: string): Finding => ({ kind: 'stock_off', message: `${sku}: ${message}` });
    return [
      ...(onHand + reserved + shipped === initial
        ? []
        : [off(`${onHand} + ${reserved} + ${shipped} is not ${initial}`)]),
      ...(Math.min(onHand, reserved, shipped) >= 0 ? [] : [off('a counter is negative')]),
      ...(reserved === of('held') ? [] : [off(`${reserved} reserved, the reservations hold ${of('held')}`)]),
      ...(shipped === of('shipped')
        ? []
        : [off(`${shipped} shipped, the reservations say ${of('shipped')}`)]),
    ];
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
