import { defineService } from 'convergekit';
import { shopPolicies } from '../objective.ts';
import { inventory } from './consumer.ts';

await defineService('inventory', {
  consumers: [inventory],
  relay: false,
  policies: shopPolicies,
  // All partitions use the same few articles. A transaction of one event keeps their locks short and in one order; slices
  // of several events would lock them in event order, and deadlock.
  tuning: { consumers: { sliceSize: 1 } },
}).run();
