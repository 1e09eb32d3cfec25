import { consumerService } from '@converge/inbox';
import { effectsOf, sagaWorker } from '@converge/saga';
import { runService, serviceSettings } from '@converge/service-common';
import { shipping } from './consumer.ts';
import type { ShippingDb } from './tables.ts';

await runService<ShippingDb>('shipping', serviceSettings, ({ database, broker, policies, shared }) => [
  policies,
  consumerService([shipping], { database, broker, policies }),
  // The deadlines of orders.
  sagaWorker(effectsOf(shipping), { database, shared }),
]);
