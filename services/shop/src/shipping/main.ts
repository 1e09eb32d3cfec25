import { consumerService } from '@converge/inbox';
import { runShop } from '../common/run-shop.ts';
import { shipping } from './consumer.ts';
import type { ShippingDb } from './tables.ts';

await runShop<ShippingDb>('shipping', ({ database, broker }) => [
  consumerService([shipping], { database, broker }),
]);
