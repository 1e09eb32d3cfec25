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
  /** After the fault before it began. */
  readonly afterMs: number;
  readonly size: number;
  readonly pick: number;
}

/** The same faults in the same order for the same random numbers: the whole menu shuffled, again and again. */
export function* planFaults(random: Random, faults: readonly Fault[]): Generator<PlannedFault, never> {
  for (;;) {
    const deck = faults.map((fault) => ({ fault, at: random() })).toSorted((a, b) => a.at - b.at);
    for (const { fault } of deck)
      yield { fault, afterMs: 10_000 + random() * 10_000, size: random(), pick: random() };
  }
}
