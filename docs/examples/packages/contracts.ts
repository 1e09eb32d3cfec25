import { defineEvent } from 'convergekit';
import { z } from 'zod';

/** Version 1 had whole euros. */
const v1 = z.object({ orderId: z.string(), euros: z.int() });

export const orderPlaced = defineEvent({
  type: 'shop.order.placed',
  version: 2,
  topic: 'shop.orders',
  key: ({ orderId }) => orderId,
  data: z.object({ orderId: z.string(), cents: z.int().positive() }),
  upcast: {
    1: (data) => {
      const { orderId, euros } = v1.parse(data);
      return { orderId, cents: euros * 100 };
    },
  },
});

/** Validated, encoded once and frozen: ready for the outbox. */
export const placed = orderPlaced({ orderId: 'o-1', cents: 4_999 });
