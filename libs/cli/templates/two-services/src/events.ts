import { defineEvent } from 'convergekit';
import { z } from 'zod';

/** What every event of an order carries. */
const data = z.object({ orderId: z.string(), cents: z.int().positive() });
export type Order = z.infer<typeof data>;

const key = ({ orderId }: Order) => orderId;

// Both services import this file. Each emits to a topic of its own: the order of a topic is that of one service.
export const orderPlaced = defineEvent({ type: 'order.placed', topic: 'my-service.orders', key, data });
export const orderPaid = defineEvent({ type: 'order.paid', topic: 'my-service.payments', key, data });
