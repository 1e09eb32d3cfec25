import { defineEvent } from '@convergekit/contracts';
import { defineSaga } from '@convergekit/saga/declare';
import { type Order, orderSchema, type ServiceName, services } from '../order.ts';

/** Names of topics and consumers end with the run: two runs share none. */
export function nameIn(run: string, name: string): string {
  return `bench-${name}-${run}`;
}

/** The topics, one for each service. */
export function topicsOf(run: string): readonly string[] {
  return services.map((name) => nameIn(run, name));
}

/** Declares the events and the saga: reserve, charge, allocate (the pivot), notify. */
export function orderSaga(run: string) {
  const event = <const Type extends string>(type: Type, topic: ServiceName) =>
    defineEvent(type, {
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
  const steps = defineSaga('bench.order', { start: events.placed, deadlineMs: 15 * 60_000 })
    .compensatable('reserve', {
      by: nameIn(run, 'stock'),
      success: events.reserved,
      undone: events.released,
    })
    .compensatable('charge', {
      by: nameIn(run, 'payments'),
      success: events.charged,
      undone: events.refunded,
      call: true,
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
