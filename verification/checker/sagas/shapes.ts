import type { Shape } from './facts.ts';
import type { Subscription } from '../effects.ts';

// The samples' shapes, written a second time on purpose: the checks must not use their declarations.

export const placeOrderShape: Shape = {
  name: 'shop.place-order',
  start: 'shop.order.placed',
  steps: [
    { name: 'reserve', kind: 'compensatable' },
    { name: 'pay', kind: 'compensatable' },
    { name: 'ship', kind: 'pivot' },
    { name: 'confirm', kind: 'retriable' },
  ],
};

export const transferMoneyShape: Shape = {
  name: 'bank.transfer-money',
  start: 'bank.transfer.requested',
  steps: [
    { name: 'withdraw', kind: 'compensatable' },
    { name: 'deposit', kind: 'pivot' },
    { name: 'settle', kind: 'retriable' },
  ],
};

/** The consumers' subscriptions, written a second time on purpose: the audit must not use their declarations. */
export const subscriptions: readonly Subscription[] = [
  { consumer: 'inventory', type: 'shop.order.placed', step: 'reserve' },
  { consumer: 'payments', type: 'shop.stock.reserved', step: 'pay' },
  { consumer: 'shipping', type: 'shop.payment.taken', step: 'ship' },
  { consumer: 'orders', type: 'shop.parcel.handed', step: 'confirm' },
  { consumer: 'inventory', type: 'shop.order.confirmed' },
  { consumer: 'payments', type: 'shop.payment.refunded' },
  { consumer: 'orders', type: 'shop.stock.released' },
  { consumer: 'orders', type: 'shop.stock.rejected' },
  { consumer: 'orders', type: 'converge.failure', failure: { of: 'inventory', type: 'shop.order.placed' } },
];
