import { consumerService } from '@converge/inbox';
import { runShop } from '../common/run-shop.ts';
import { inventory } from './consumer.ts';
import type { InventoryDb } from './tables.ts';

await runShop<InventoryDb>('inventory', ({ database, broker }) => [
  consumerService([inventory], { database, broker }),
]);
