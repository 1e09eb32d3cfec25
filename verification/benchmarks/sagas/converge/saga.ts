import { defineEvent } from '@convergekit/contracts';
import { saga } from '@convergekit/saga/declare';
import { type Order, orderSchema } from '../order.ts';

/** The topics of the order saga, one for each service that emits. */
const TOPICS = ['orders', 'stock', 'payments', 'warehouse'] as const;
type Topic = (typeof TOPICS)[number];

/** The four services: each runs one step. `orders` takes the orders, too, and runs the last step. */
export const services = TOPICS;
export type ServiceName = Topic;

/** Names end with the run: two runs share neither a topic nor a consumer group. */
export function nameIn(run: string, name: string): string {
  return `bench-${name}-${run}`;
}

export function topicsOf(run: string): readonly string[] {
  return TOPICS.map((topic) => nameIn(run, topic));
}

/** Declares the events and the saga: reserve, charge, allocate (the pivot), notify. */
export function orderSaga(run: string) {
  const event = <const Type extends string>(type: Type, topic: Topic) =>
    defineEvent({
      type,
      version: 1,
      topic: nameIn(run, topic),
      key: ({ orderId }: Order) => orderId,
      data: orderSchema,
    });
  const events = {
    placed: event('bench.order.placed', 'orders'),
    notified: event('bench.order.notified', 'orders'),
    reserved: event('bench.stock.reserved', 'stock'),
    released: event('bench.stock.released', 'stock'),
    charged: event('bench.payment.charged', 'payments'),
    refunded: event('bench.payment.refunded', 'payments'),
    allocated: event('bench.parcel.allocated', 'warehouse'),
    refused: event('bench.parcel.refused', 'warehouse'),
  };
  const steps = saga('bench.order', { start: events.placed, deadlineMs: 15 * 60_000 })
    .compensatable('reserve', {
      by: nameIn(run, 'stock'),
      success: events.reserved,
      undone: events.released,
    })
    .compensatable('charge', {
      by: nameIn(run, 'payments'),
      success: events.charged,
      undone: events.refunded,
      external: true,
    })
    .pivot('allocate', {
      by: nameIn(run, 'warehouse'),
      success: events.allocated,
      failure: events.refused,
    })
    .retriable('notify', { by: nameIn(run, 'orders'), success: events.notified });
  return { events, steps };
}

export type OrderSaga = ReturnType<typeof orderSaga>;
