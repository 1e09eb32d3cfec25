import { consumerService } from '@convergekit/inbox';
import { effectsOf } from '@convergekit/saga';
import { sagaWorker } from '@convergekit/effects';
import { runService, serviceSettings } from '@convergekit/service-common';
import { inventory } from './consumer.ts';
import type { InventoryDb } from './tables.ts';

await runService<InventoryDb>('inventory', serviceSettings, ({ database, broker, policies, shared }) => [
  policies,
  // An undo that failed in its slice is tried again here. Before the consumer, which does not start without its worker.
  sagaWorker(effectsOf(inventory), { database, shared }),
  // All partitions want the same few articles. An event a transaction keeps their locks short and in one order;
  // slices of many would lock them in the order of their events, and deadlock.
  consumerService([inventory], { database, broker, policies, sliceSize: 1 }),
]);
