import { behaveAs, killActiveRelay, killConsumer } from '../demo/faults/faults.ts';
import { drift } from './drift/drift.ts';
import { repairsOf } from '../demo/collect/repairs-sql.ts';
import type { Invariant, Scenario } from './scenario.ts';

/** Load and faults alone make nothing drift: a repair would fight an event on its way. */
const noRepairs: Invariant = {
  claim: 'no key was repaired',
  check: async ({ world, outcome }) => {
    const repairs = await repairsOf(world.databases);
    return {
      looked: outcome.dump.shop.orders.length,
      wrong: repairs.map(({ reconciler, key, why }) => `${reconciler} repaired ${key}: ${why}`),
    };
  },
};

const calm: Scenario = {
  name: 'calm',
  title: 'A calm day',
  load: { perSecond: 5, seconds: 30 },
  expectation: [
    'Every order ends: confirmed, or cancelled for a reason of the shop (no stock, over the limit, a country that is not served, called off).',
    'Nothing is repaired: without a fault services do not drift.',
  ],
  play: () => ({
    scenes: [],
    invariants: [noRepairs],
  }),
};

const burst: Scenario = {
  name: 'burst',
  title: 'A burst of orders',
  load: { perSecond: 60, seconds: 5 },
  expectation: [
    'More orders come at once than two cores handle: they wait, in order, and all end.',
    'Customers get their answers meanwhile: an answer needs one commit, not the services behind it.',
  ],
  play: () => ({ scenes: [], invariants: [noRepairs] }),
};

const declines: Scenario = {
  name: 'declines',
  title: 'Cards are declined, and the provider answers late',
  load: { perSecond: 5, seconds: 30 },
  expectation: [
    'Orders whose card is declined are compensated: their stock is released.',
    'A charge whose answer comes too late is looked up, never repeated blindly: no customer pays twice.',
  ],
  play: ({ world }) => ({
    scenes: [
      { at: 0.1, name: 'declines', run: () => behaveAs(world, { mode: 'decline', every: 3 }) },
      { at: 0.5, name: 'late answers', run: () => behaveAs(world, { mode: 'late', every: 4 }) },
      { at: 0.9, name: 'well again', run: () => behaveAs(world, { mode: 'normal' }) },
    ],
    invariants: [
      noRepairs,
      {
        claim: 'declined orders are cancelled',
        check: ({ outcome: { dump } }) => {
          const ends = new Map(dump.shop.orders.map(({ orderId, state }) => [orderId, state]));
          const declined = dump.shop.payments.filter(({ state }) => state === 'declined');
          return Promise.resolve({
            looked: declined.length,
            wrong: declined
              .filter(({ orderId }) => ends.get(orderId) !== 'cancelled')
              .map(({ orderId }) => `order ${orderId} is ${ends.get(orderId) ?? 'not there'}`),
          });
        },
      },
    ],
  }),
};

const crashes: Scenario = {
  name: 'crashes',
  title: 'Processes are killed',
  load: { perSecond: 5, seconds: 30 },
  expectation: [
    'A relay that gets SIGKILL is replaced by the one that stands by; a consumer goes on where its database says.',
    'No event is lost, none is handled twice, and the order of each key is kept.',
  ],
  play: ({ world }) => ({
    scenes: [
      { at: 0.2, name: 'kill −9 of the active relay', run: () => killActiveRelay(world) },
      { at: 0.5, name: 'kill −9 of a consumer', run: () => Promise.resolve(killConsumer(world)) },
      { at: 0.7, name: 'kill −9 of the active relay', run: () => killActiveRelay(world) },
    ],
    invariants: [noRepairs],
  }),
};

export const scenarios: readonly Scenario[] = [calm, burst, declines, crashes, drift(170)];
