import { defineService } from 'convergekit';
import { orderPlaced } from '../events.ts';
import { api } from './http.ts';
import { orders, type Tables } from './orders.ts';

/** What the process of orders runs. */
export const ordersService = defineService<Tables>('orders', {
  consumers: [orders],
  emits: [orderPlaced],
  http: api,
});
