import { defineService } from 'convergekit';
import { placeOrder } from '@convergekit/schemas';

/** Follows every order through the services, and reports those that are overdue. */
await defineService('saga-observer', {
  sagas: [placeOrder],
  relay: false,
  tuning: { observer: { name: 'saga-observer' } },
}).run();
