import { newUuidV7, defineService, starts } from 'convergekit';
import { orderCancelRequested, orderPlaced, placeOrder } from '@convergekit/schemas';
import { shopPolicies } from '../objective.ts';
import { orderList } from '../order-list/consumer.ts';
import { ordersApi } from './api.ts';
import { orders } from './consumer.ts';
import type { OrdersDb } from './tables.ts';

await defineService<OrdersDb>('orders', {
  consumers: [orders, orderList],
  relay: false,
  policies: shopPolicies,
  emits: [starts(orderPlaced, placeOrder), orderCancelRequested],
  // Its work is rare: an operator's resolution of a confirmation.
  tuning: { worker: { pollMs: 1_000 } },
  http: ({ db, transaction }) => ordersApi({ db, transaction, newId: newUuidV7 }),
}).run();
