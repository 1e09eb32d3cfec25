import type { Random } from '@convergekit/core';
import type { Fault } from './fault.ts';
import { networkFaults } from './network-faults.ts';
import { processFaults } from './process-faults.ts';
import { serverFaults } from './server-faults.ts';
import { sessionFaults } from './session-faults.ts';
import { topicFaults } from './topic-faults.ts';

export const menu: readonly Fault[] = [
  ...processFaults,
  ...serverFaults,
  ...networkFaults,
  ...sessionFaults,
  ...topicFaults,
];

export interface PlannedFault {
  readonly fault: Fault;
  /** The delay after the begin of the previous fault, in milliseconds. */
  readonly afterMs: number;
  readonly size: number;
  readonly pick: number;
}

/** Plans faults: the whole menu shuffled, again and again, equal for equal random numbers. */
export function* planFaults(random: Random, faults: readonly Fault[]): Generator<PlannedFault, never> {
  for (;;) {
    const deck = faults.map((fault) => ({ fault, at: random() })).toSorted((a, b) => a.at - b.at);
    for (const { fault } of deck)
      yield { fault, afterMs: 10_000 + random() * 10_000, size: random(), pick: random() };
  }
}
