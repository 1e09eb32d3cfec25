import type { Subscription } from '../../../checker/effects.ts';

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
