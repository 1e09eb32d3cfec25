import { consumerService } from '@converge/inbox';
import { runShop } from '../common/run-shop.ts';
import { inventory } from './consumer.ts';
import type { InventoryDb } from './tables.ts';

await runShop<InventoryDb>('inventory', ({ database, broker }) => [
  // All partitions want the same few articles. An event a transaction keeps their locks short and in one order;
  // slices of many would lock them in the order of their events, and deadlock.
  consumerService([inventory], { database, broker, sliceSize: 1 }),
]);
