import { ALLOCATE, END, RELEASE, RESERVE } from '../business-sql.ts';
import { expectedOutcome, type Order, type ServiceName } from '../order.ts';
import type { Provider } from '../stub/provider.ts';

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

/** What a service does when an event comes. */
interface Reaction {
  /** Calls another system, before the transaction: it may be repeated under its key. */
  readonly call?: () => Promise<void>;
  /** The statement that changes a business row. */
  readonly row?: readonly [text: string, values: unknown[]];
  readonly emits?: EventType;
}

/** The reactions of a service. It gets other events of its topics, too, and leaves them. */
export type Reactions = Partial<Record<EventType, (order: Order) => Reaction>>;

export function reactionsOf(provider: Provider): Readonly<Record<ServiceName, Reactions>> {
  return {
    stock: {
      'order.placed': ({ orderId, quantity }) => ({
        row: [RESERVE, [orderId, quantity]],
        emits: 'stock.reserved',
      }),
      'payment.refunded': ({ orderId }) => ({ row: [RELEASE, [orderId]], emits: 'stock.released' }),
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
          : { row: [ALLOCATE, [order.orderId, order.quantity]], emits: 'parcel.allocated' },
    },
    orders: {
      'parcel.allocated': ({ orderId }) => ({ row: [END, [orderId, 'completed']] }),
      'stock.released': ({ orderId }) => ({ row: [END, [orderId, 'refused']] }),
    },
  };
}

/** The services whose topics a service reads. */
export function topicsRead(reactions: Reactions): readonly ServiceName[] {
  return [...new Set(Object.keys(reactions).map((type) => TOPIC_OF[type as EventType]))];
}
