import { consumerService } from '@converge/inbox';
import { createOutbox } from '@converge/outbox';
import { newUuidV7 } from '@converge/runtime';
import { orderCancelled, orderConfirmed, orderPlaced } from '@converge/schemas';
import { httpService } from '../common/http-service.ts';
import { runShop } from '../common/run-shop.ts';
import { ordersApi } from './api.ts';
import { orders } from './consumer.ts';
import type { OrdersDb } from './tables.ts';

await runShop<OrdersDb>('orders', ({ settings, database, broker, log }) => {
  const outbox = createOutbox([orderPlaced, orderConfirmed, orderCancelled]);
  const onError = (error: unknown): void => log.error({ err: error }, 'a request failed');
  return [
    consumerService([orders], { database, broker }),
    httpService(
      ordersApi({ db: database.db, outbox, newId: newUuidV7, onError }),
      settings.http.port,
      settings.http.host,
    ),
  ];
});
