import { expectedOutcome, type Order, type Outcome } from '../order.ts';
import type { Provider } from '../stub/provider.ts';

export const services = ['orders', 'stock', 'payments', 'warehouse'] as const;
export type ServiceName = (typeof services)[number];

/** The topic of each event: that of the service which emits it. */
export const TOPIC_OF = {
  'order.placed': 'orders',
  'stock.reserved': 'stock',
  'stock.released': 'stock',
  'payment.charged': 'payments',
  'payment.refunded': 'payments',
  'parcel.allocated': 'warehouse',
  'parcel.refused': 'warehouse',
} as const satisfies Record<string, ServiceName>;
export type EventType = keyof typeof TOPIC_OF;

/** A business row, by what is done with it. */
export type Row =
  | { readonly kind: 'reserve' | 'allocate'; readonly quantity: number }
  | { readonly kind: 'release' }
  | { readonly kind: 'end'; readonly outcome: Outcome };

/** What a service does when an event comes. */
export interface Reaction {
  /** Calls another system, before the transaction: it may be repeated under its key. */
  readonly call?: () => Promise<void>;
  readonly row?: Row;
  readonly emits?: EventType;
}

/** The reactions of a service. It gets other events of its topics, too, and leaves them. */
export type Reactions = Partial<Record<EventType, (order: Order) => Reaction>>;

export function reactionsOf(provider: Provider): Readonly<Record<ServiceName, Reactions>> {
  return {
    stock: {
      'order.placed': ({ quantity }) => ({ row: { kind: 'reserve', quantity }, emits: 'stock.reserved' }),
      'payment.refunded': () => ({ row: { kind: 'release' }, emits: 'stock.released' }),
    },
    payments: {
      'stock.reserved': (order) => ({
        call: () => provider.charge(order, `${order.orderId}:charge`),
        emits: 'payment.charged',
      }),
      'parcel.refused': (order) => ({
        call: () => provider.refund(order, `${order.orderId}:refund`),
        emits: 'payment.refunded',
      }),
    },
    warehouse: {
      'payment.charged': (order) =>
        expectedOutcome(order) === 'refused'
          ? { emits: 'parcel.refused' }
          : { row: { kind: 'allocate', quantity: order.quantity }, emits: 'parcel.allocated' },
    },
    orders: {
      'parcel.allocated': () => ({ row: { kind: 'end', outcome: 'completed' } }),
      'stock.released': () => ({ row: { kind: 'end', outcome: 'refused' } }),
    },
  };
}

/** The services whose topics a service reads. */
export function topicsRead(reactions: Reactions): readonly ServiceName[] {
  return [...new Set(Object.keys(reactions).map((type) => TOPIC_OF[type as EventType]))];
}
