import { driftOf } from './faults/drift.ts';
import { killConsumer, killLeader, pauseService } from './faults/processes.ts';
import { provider } from './faults/provider.ts';
import type { Scene } from './plan.ts';
import type { RunSpec } from './spec.ts';

/** The parts of a scenario that differ. */
interface Scenario
  extends Required<Pick<RunSpec, 'name' | 'title' | 'expectation'>>, Pick<RunSpec, 'extras'> {
  /** @default 5 */
  readonly perSecond?: number;
  /** @default 30 */
  readonly seconds?: number;
  /** @default none */
  readonly scenes?: readonly Scene[];
}

const undrifted: readonly Scenario[] = [
  {
    name: 'calm',
    title: 'A calm day',
    expectation: [
      'Every order ends: confirmed, or cancelled for a reason of the shop (no stock, over the limit, a country that is not served, called off).',
      'Nothing is repaired: without a fault services do not drift.',
    ],
  },
  {
    name: 'burst',
    title: 'A burst of orders',
    perSecond: 60,
    seconds: 5,
    expectation: [
      'More orders come at once than two cores handle: they wait, in order, and all end.',
      'Customers get their answers meanwhile: an answer needs one commit, not the services behind it.',
    ],
  },
  {
    name: 'declines',
    title: 'Cards are declined, and the provider answers late',
    scenes: [
      { at: 0.1, until: 0.5, fault: provider({ mode: 'decline', every: 3 }, 'every third card is declined') },
      { at: 0.5, until: 0.9, fault: provider({ mode: 'late', every: 4 }, 'every fourth answer is late') },
    ],
    extras: ['no-repairs', 'declined-cancelled'],
    expectation: [
      'Orders whose card is declined are compensated: their stock is released.',
      'A charge whose answer comes too late is looked up, never repeated blindly: no customer pays twice.',
    ],
  },
  {
    name: 'crashes',
    title: 'Processes are killed',
    scenes: [
      { at: 0.2, fault: killLeader },
      { at: 0.5, fault: killConsumer },
      { at: 0.7, fault: killLeader },
    ],
    expectation: [
      'A relay that gets SIGKILL is replaced by the one that stands by; a consumer goes on where its database says.',
      'No event is lost, none is handled twice, and the order of each key is kept.',
    ],
  },
];

const drift = (each: number): Scenario => ({
  name: 'drift',
  title: 'Databases drift while one consumer is late',
  perSecond: 12,
  seconds: 70,
  scenes: [
    { at: 0.5, until: 0.95, fault: pauseService },
    { at: 0.55, fault: driftOf(each) },
  ],
  extras: ['drift-repaired', 'late-not-repaired', 'repairs-explained', 'repaired-in-time'],
  expectation: [
    `Up to ${each} keys are corrupted by SQL in each of three ways, under load: lost reservations, double refunds, a stale list of orders.`,
    'From then on inventory’s consumer is stopped for half of the time. Orders that end meanwhile differ from their reservations, and are not repaired: their events are on the way.',
    'Every corrupted key is repaired within 90 s after the consumer goes on, and no other key is touched.',
    'Each repair has an audit row with the state before and after, and why.',
  ],
});

/** The scenarios of the shop: load, faults, expectation and what must hold; each for `most` seconds at most. */
export function scenarios({ most = Number.POSITIVE_INFINITY, each = 170 } = {}): readonly RunSpec[] {
  return [...undrifted, drift(each)].map(
    ({ perSecond = 5, seconds = 30, scenes = [], extras = ['no-repairs'], ...scenario }) => ({
      ...scenario,
      extras,
      workloads: ['shop'],
      mayStayOpen: true,
      load: { kind: 'rate', perSecond, seconds: Math.min(seconds, most) },
      plan: { kind: 'script', scenes },
    }),
  );
}
