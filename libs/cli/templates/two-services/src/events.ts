import { defineEvent } from 'convergekit';
import { z } from 'zod';

const order = z.object({ id: z.string(), cents: z.int().positive() });
export type Order = z.infer<typeof order>;

/** Both services import it: the one emits it, the other applies it. */
export const placed = defineEvent('order.placed', {
  topic: 'orders',
  key: ({ id }) => id,
  data: order,
});
