import { defineConsumer } from '@convergekit/inbox';
import { step } from '@convergekit/saga';
import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  placeOrder,
  stockRejected,
  stockReleased,
} from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { settleOrder } from './settlement.ts';
import type { OrdersDb } from './tables.ts';

/**
 * An order ends confirmed when its parcel left, and cancelled when the last thing done for it is undone: inventory is
 * the first step, so its refusal or its release is the end of the way back.
 */
export const orders = defineConsumer<OrdersDb>({ name: 'orders', from: 'beginning' })
  .include(
    step(placeOrder.confirm, {
      apply: async (event, { tx }) => {
        const { orderId } = event.data;
        await noteEffect(tx, 'orders', event, 'apply');
        return orderConfirmed({ orderId, ...(await settleOrder(tx, orderId, { state: 'confirmed' })) });
      },
    }),
  )
  .on(stockReleased, async (event, { tx, emit }) => {
    const { orderId, reason } = event.data;
    await noteEffect(tx, 'orders', event);
    await settleOrder(tx, orderId, { state: 'cancelled', reason }, () => emit(orderCancelled(event.data)));
  })
  .on(stockRejected, async (event, { tx, emit }) => {
    const { orderId, reason } = event.data;
    await noteEffect(tx, 'orders', event);
    await settleOrder(tx, orderId, { state: 'cancelled', reason }, () => emit(orderCancelled(event.data)));
  })
  .onFailure(orderPlaced, { of: 'inventory' }, async (failure, { tx, emit, event }) => {
    const { orderId } = failure.event.data;
    const reason = failure.message;
    await noteEffect(tx, 'orders', event);
    await settleOrder(tx, orderId, { state: 'cancelled', reason }, () =>
      emit(orderCancelled({ orderId, reason })),
    );
  });
