import { newUuidV7, defineService, starts } from 'convergekit';
import { orderCancelRequested, orderPlaced, placeOrder } from '@convergekit/schemas';
import { httpService, httpSettings } from '@convergekit/service-common';
import { shopPolicies } from '../objective.ts';
import { orderList } from '../order-list/consumer.ts';
import { ordersApi } from './api.ts';
import { orders } from './consumer.ts';
import type { OrdersDb } from './tables.ts';

await defineService<OrdersDb, { http: typeof httpSettings }>('orders', {
  settings: { http: httpSettings },
  consumers: [orders, orderList],
  relay: false,
  policies: shopPolicies,
  emits: [starts(orderPlaced, placeOrder), orderCancelRequested],
  // Its work is rare: an operator's resolution of a confirmation.
  tuning: { worker: { pollMs: 1_000 } },
  parts: ({ settings: { http }, db, transaction, log }) => {
    const onError = (error: unknown): void => log.error({ err: error }, 'a request failed');
    return [httpService(ordersApi({ db, transaction, newId: newUuidV7, onError }), http.port, http.host)];
  },
}).run();
