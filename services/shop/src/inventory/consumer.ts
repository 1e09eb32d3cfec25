import { defineConsumer, step } from 'convergekit';
import {
  orderConfirmed,
  placeOrder,
  stockRejected,
  stockReleased,
  stockReserved,
} from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { mergeLines, reserve } from './stock.ts';
import { endReservation, hold, lockLevels, saveLevels } from './stock-store.ts';
import type { InventoryDb } from './tables.ts';

/** The first step: reserves the goods. They are shipped when the order is confirmed. */
export const inventory = defineConsumer<InventoryDb>('inventory', { from: 'first' })
  .include(
    step(placeOrder.reserve, {
      apply: async (event, { tx }) => {
        const { orderId, totalCents, country } = event.data;
        const lines = mergeLines(event.data.lines);
        const levels = await lockLevels(
          tx,
          lines.map(({ sku }) => sku),
        );
        const reservation = reserve(levels, lines);
        if (reservation.kind === 'rejected') return stockRejected({ orderId, reason: reservation.reason });
        // One round trip: every order waits for the locks of these articles.
        await Promise.all([
          saveLevels(tx, reservation.levels),
          hold(tx, orderId, lines),
          noteEffect(tx, 'inventory', event, 'apply'),
        ]);
        return stockReserved({ orderId, lines: [...lines], totalCents, country });
      },
      compensate: async ({ intent, reason }, { tx }) => {
        const { orderId } = intent.data;
        await noteEffect(tx, 'inventory', intent, 'compensate');
        await endReservation(tx, orderId, 'released');
        return stockReleased({ orderId, reason: reason.text });
      },
      noop: ({ key, reason }) => stockReleased({ orderId: key, reason: reason.text }),
    }),
  )
  .on(orderConfirmed, async (event, { tx }) => {
    await noteEffect(tx, 'inventory', event);
    await endReservation(tx, event.data.orderId, 'shipped');
  });
