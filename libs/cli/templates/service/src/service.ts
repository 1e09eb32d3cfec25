import { defineService } from 'convergekit';
import { carrier, warehouse } from './delivery.ts';
import { deliverOrder, orderPaid, orderPlaced } from './events.ts';
import { api } from './http.ts';
import { orders } from './orders.ts';
import { payments } from './payments.ts';
import type { Tables } from './tables.ts';

/**
 * Everything that this process runs. A part may move to a service of its own later: its consumer and its tables go
 * there, and the events stay as they are.
 */
export const myService = defineService<Tables>('my-service', {
  consumers: [payments, orders, warehouse, carrier],
  sagas: [deliverOrder],
  emits: [orderPlaced, orderPaid],
  http: api,
});
