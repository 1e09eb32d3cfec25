import { defineConsumer } from '@converge/inbox';
import { BusinessRejection } from '@converge/resilience';
import {
  orderConfirmed,
  orderPlaced,
  paymentDeclined,
  paymentRefunded,
  stockReleased,
  stockReserved,
} from '@converge/schemas';
import { noteEffect } from '../common/effect.ts';
import { mergeLines, reserve } from './stock.ts';
import { endReservation, hold, lockLevels, saveLevels } from './stock-store.ts';
import type { InventoryDb } from './tables.ts';

/**
 * The first step. It compensates when the step after it, payments, failed without effect (its failure event, or the
 * provider's decline) or was undone (the refund).
 */
export const inventory = defineConsumer<InventoryDb>({ name: 'inventory', from: 'beginning' })
  .on(orderPlaced, async (event, { tx, emit }) => {
    const { orderId, totalCents, country } = event.data;
    const lines = mergeLines(event.data.lines);
    const levels = await lockLevels(
      tx,
      lines.map(({ sku }) => sku),
    );
    const reservation = reserve(levels, lines);
    if (reservation.kind === 'rejected')
      throw new BusinessRejection(reservation.reason, { code: 'OUT_OF_STOCK' });
    await noteEffect(tx, 'inventory', event);
    await saveLevels(tx, reservation.levels);
    await hold(tx, orderId, lines);
    emit(stockReserved({ orderId, lines: [...lines], totalCents, country }));
  })
  .on(orderConfirmed, async (event, { tx }) => {
    await noteEffect(tx, 'inventory', event);
    await endReservation(tx, event.data.orderId, 'shipped');
  })
  .on(paymentDeclined, async (event, { tx, emit }) => {
    await noteEffect(tx, 'inventory', event);
    const { orderId, reason } = event.data;
    if (await endReservation(tx, orderId, 'released')) emit(stockReleased({ orderId, reason }));
  })
  .on(paymentRefunded, async (event, { tx, emit }) => {
    await noteEffect(tx, 'inventory', event);
    const { orderId, reason } = event.data;
    if (await endReservation(tx, orderId, 'released')) emit(stockReleased({ orderId, reason }));
  })
  .onFailure(stockReserved, { of: 'payments' }, async (failure, { tx, emit, event }) => {
    await noteEffect(tx, 'inventory', event);
    const { orderId } = failure.event.data;
    if (await endReservation(tx, orderId, 'released'))
      emit(stockReleased({ orderId, reason: failure.message }));
  });
