import { consumerService } from '@convergekit/inbox';
import { effectsOf } from '@convergekit/saga';
import { sagaWorker } from '@convergekit/effects';
import { runService, serviceSettings } from '@convergekit/service-common';
import { shipping } from './consumer.ts';
import type { ShippingDb } from './tables.ts';

await runService<ShippingDb>('shipping', serviceSettings, ({ database, broker, policies, shared }) => [
  policies,
  // Watches the deadlines of orders. Listed first: the consumer does not start without its worker.
  sagaWorker(effectsOf(shipping), { database, shared }),
  consumerService([shipping], { database, broker, policies }),
]);
