import { createOutbox } from 'convergekit/postgres';
import { defineEvent } from 'convergekit';
import { z } from 'zod';

export const order = z.object({ id: z.string(), cents: z.int().positive() });
export type Order = z.infer<typeof order>;

export const orderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  topic: 'orders',
  key: ({ id }) => id,
  data: order,
});

export const outbox = createOutbox([orderPlaced]);
