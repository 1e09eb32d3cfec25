import { defineConsumer } from '@converge/inbox';
import { orderCancelled, orderConfirmed, orderPlaced, parcelHanded, stockReleased } from '@converge/schemas';
import { noteEffect } from '../common/effect.ts';
import { settleOrder } from './settlement.ts';
import type { OrdersDb } from './tables.ts';

/**
 * An order ends confirmed when its parcel left, and cancelled when the last thing done for it is undone: inventory is
 * the first step, so its refusal or its release is the end of the way back.
 */
export const orders = defineConsumer<OrdersDb>({ name: 'orders', from: 'beginning' })
  .on(parcelHanded, async (event, { tx, emit }) => {
    const { orderId } = event.data;
    await noteEffect(tx, 'orders', event);
    const settled = await settleOrder(tx, orderId, { state: 'confirmed' });
    if (settled) emit(orderConfirmed({ orderId, ...settled }));
  })
  .on(stockReleased, async (event, { tx, emit }) => {
    const { orderId, reason } = event.data;
    await noteEffect(tx, 'orders', event);
    if (await settleOrder(tx, orderId, { state: 'cancelled', reason }))
      emit(orderCancelled({ orderId, reason }));
  })
  .onFailure(orderPlaced, { of: 'inventory' }, async (failure, { tx, emit, event }) => {
    const { orderId } = failure.event.data;
    const reason = failure.message;
    await noteEffect(tx, 'orders', event);
    if (await settleOrder(tx, orderId, { state: 'cancelled', reason }))
      emit(orderCancelled({ orderId, reason }));
  });
