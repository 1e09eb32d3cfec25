import { type Finding, unmet } from '../check.ts';

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
    const torn = (...rules: Parameters<typeof unmet>): Finding[] =>
      unmet(...rules).map((what) => ({
        kind: 'order_torn',
        message: `order ${order.orderId} is ${order.state}, but ${what}`,
      }));
    const paid = payment?.state ?? 'not there';
    if (order.state === 'confirmed')
      return torn(
        [sameLines(order, lines), 'what was shipped is not what was ordered'],
        [paid === 'taken', `its payment is ${paid}`],
        [net === order.totalCents, `the provider holds ${net} of ${order.totalCents} cents`],
        [parcels.has(order.orderId), 'no parcel left'],
      );
    return torn(
      [lines.every(({ state }) => state === 'released'), 'goods are still held or gone'],
      [['not there', 'declined', 'refunded'].includes(paid), `its payment is ${paid}`],
      [net === 0, `the provider holds ${net} cents`],
      [!parcels.has(order.orderId), 'a parcel left'],
    );
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
export function findMoneyOff({ orders, payments, charges }: ShopFacts): readonly Finding[] {
  const sumIn = <T extends { readonly state: string }>(
    all: readonly T[],
    wanted: string,
    of: (one: T) => number,
  ) => sum(all.filter(({ state }) => state === wanted).map(of));
  const owed = sumIn(orders, 'confirmed', ({ totalCents }) => totalCents);
  const ours = sumIn(payments, 'taken', ({ amountCents }) => amountCents);
  const theirs = sumIn(charges, 'taken', ({ amountCents, refundedCents }) => amountCents - refundedCents);
  const what = `confirmed orders cost ${owed} cents, payments holds ${ours}, the provider charged ${theirs} net`;
  return owed === ours && ours === theirs ? [] : [{ kind: 'money_off', message: what }];
}

/** on hand + reserved + shipped = initial, and the counters are what the reservations say. */
export function findStockOff({ stock, reservations }: ShopFacts): readonly Finding[] {
  return stock.flatMap(({ sku, initial, onHand, reserved, shipped }): Finding[] => {
    const lines = reservations.filter((line) => line.sku === sku);
    const of = (wanted: string): number =>
      sum(lines.filter(({ state }) => state === wanted).map(({ quantity }) => quantity));
    return unmet(
      [onHand + reserved + shipped === initial, `${onHand} + ${reserved} + ${shipped} is not ${initial}`],
      [Math.min(onHand, reserved, shipped) >= 0, 'a counter is negative'],
      [reserved === of('held'), `${reserved} reserved, the reservations hold ${of('held')}`],
      [shipped === of('shipped'), `${shipped} shipped, the reservations say ${of('shipped')}`],
    ).map((what) => ({ kind: 'stock_off', message: `${sku}: ${what}` }));
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
