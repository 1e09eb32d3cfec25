import { consumerService } from '@convergekit/inbox';
import { createOutbox } from '@convergekit/outbox';
import { newUuidV7 } from '@convergekit/core';
import { effectsOf } from '@convergekit/saga';
import { sagaWorker } from '@convergekit/effects';
import { starts } from '@convergekit/saga/declare';
import { orderCancelRequested, orderPlaced, placeOrder } from '@convergekit/schemas';
import { httpService, runService, serviceSettings } from '@convergekit/service-common';
import { ordersApi } from './api.ts';
import { orderList } from '../order-list/consumer.ts';
import { orders } from './consumer.ts';
import type { OrdersDb } from './tables.ts';

await runService<OrdersDb>('orders', serviceSettings, (parts) => {
  const { settings, database, broker, policies, shared, log } = parts;
  const outbox = createOutbox([starts(orderPlaced, placeOrder), orderCancelRequested]);
  const onError = (error: unknown): void => log.error({ err: error }, 'a request failed');
  return [
    policies,
    // Applies an operator's resolution of a confirmation. Listed first: the consumer does not start without its worker.
    sagaWorker(effectsOf(orders), { database, shared, pollMs: 1_000 }),
    consumerService([orders, orderList], { database, broker, policies }),
    httpService(
      ordersApi({ db: database.db, outbox, newId: newUuidV7, onError }),
      settings.http.port,
      settings.http.host,
    ),
  ];
});
