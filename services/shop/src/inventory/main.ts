import { consumerService } from '@convergekit/inbox';
import { effectsOf } from '@convergekit/saga';
import { sagaWorker } from '@convergekit/effects';
import { runService, serviceSettings } from '@convergekit/service-common';
import { inventory } from './consumer.ts';
import type { InventoryDb } from './tables.ts';

await runService<InventoryDb>('inventory', serviceSettings, ({ database, broker, policies, shared }) => [
  policies,
  // Retries an undo that failed in its slice. The worker is listed first: the consumer does not start without it.
  sagaWorker(effectsOf(inventory), { database, shared }),
  // All partitions use the same few articles. A transaction of one event keeps their locks short and in one order; slices
  // of several events would lock them in event order, and deadlock.
  consumerService([inventory], { database, broker, policies, sliceSize: 1 }),
]);
