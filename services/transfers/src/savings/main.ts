import { defineService } from 'convergekit';
import { savings } from './consumer.ts';

// Its work is rare: the query of a deposit of unknown outcome.
await defineService('savings', {
  consumers: [savings],
  relay: false,
  tuning: { worker: { pollMs: 1_000 } },
}).run();
