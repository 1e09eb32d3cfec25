import { consumerService } from '@converge/inbox';
import { createOutbox } from '@converge/outbox';
import { newUuidV7 } from '@converge/runtime';
import { orderCancelRequested, orderPlaced } from '@converge/schemas';
import { httpService, runService, serviceSettings } from '@converge/service-common';
import { ordersApi } from './api.ts';
import { orders } from './consumer.ts';
import type { OrdersDb } from './tables.ts';

await runService<OrdersDb>('orders', serviceSettings, ({ settings, database, broker, policies, log }) => {
  const outbox = createOutbox([orderPlaced, orderCancelRequested]);
  const onError = (error: unknown): void => log.error({ err: error }, 'a request failed');
  return [
    policies,
    consumerService([orders], { database, broker, policies }),
    httpService(
      ordersApi({ db: database.db, outbox, newId: newUuidV7, onError }),
      settings.http.port,
      settings.http.host,
    ),
  ];
});
