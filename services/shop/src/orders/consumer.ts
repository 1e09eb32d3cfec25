import { consumerRef, defineConsumer, step } from 'convergekit';
import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  placeOrder,
  stockRejected,
  stockReleased,
} from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { endOrder } from './end-order.ts';
import type { OrdersDb } from './tables.ts';

/**
 * Records the end of an order: confirmed after its parcel was handed over, cancelled after the last compensation.
 * Inventory is the first step, so its refusal or release is the last event of a compensation.
 */
export const orders = defineConsumer<OrdersDb>('orders', { from: 'first' })
  .include(
    step(placeOrder.confirm, {
      apply: async (event, { tx }) => {
        const { orderId } = event.data;
        await noteEffect(tx, 'orders', event, 'apply');
        return orderConfirmed({ orderId, ...(await endOrder(tx, orderId, { state: 'confirmed' })) });
      },
    }),
  )
  .on(stockReleased, async (event, { tx, emit }) => {
    const { orderId, reason } = event.data;
    await noteEffect(tx, 'orders', event);
    await endOrder(tx, orderId, { state: 'cancelled', reason }, () => emit(orderCancelled(event.data)));
  })
  .on(stockRejected, async (event, { tx, emit }) => {
    const { orderId, reason } = event.data;
    await noteEffect(tx, 'orders', event);
    await endOrder(tx, orderId, { state: 'cancelled', reason }, () => emit(orderCancelled(event.data)));
  })
  .onFailure(consumerRef('inventory'), orderPlaced, async (failure, { tx, emit, event }) => {
    const { orderId } = failure.event.data;
    const reason = failure.message;
    await noteEffect(tx, 'orders', event);
    await endOrder(tx, orderId, { state: 'cancelled', reason }, () =>
      emit(orderCancelled({ orderId, reason })),
    );
  });
