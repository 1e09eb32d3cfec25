import type { Subscription } from './audit/effect-audit.ts';

/**
 * Who takes effect for what, written down a second time on purpose: the audit must not believe the consumers' own
 * declarations.
 */
export const subscriptions: readonly Subscription[] = [
  { consumer: 'inventory', type: 'shop.order.placed' },
  { consumer: 'inventory', type: 'shop.order.confirmed' },
  { consumer: 'inventory', type: 'shop.payment.declined' },
  { consumer: 'inventory', type: 'shop.payment.refunded' },
  { consumer: 'payments', type: 'shop.stock.reserved' },
  { consumer: 'shipping', type: 'shop.payment.taken' },
  { consumer: 'orders', type: 'shop.parcel.handed' },
  { consumer: 'orders', type: 'shop.stock.released' },
  failure('orders', 'inventory', 'shop.order.placed'),
  failure('inventory', 'payments', 'shop.stock.reserved'),
  failure('payments', 'shipping', 'shop.payment.taken'),
];

function failure(consumer: string, of: string, type: string): Subscription {
  return { consumer, type: 'converge.failure', failure: { of, type } };
}
