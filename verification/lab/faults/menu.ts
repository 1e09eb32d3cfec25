import type { Fault } from '../types.ts';
import { brokerPlaceFaults } from './broker-places.ts';
import { brokerTopicFaults } from './broker-topics.ts';
import { brokerFaults } from './brokers.ts';
import { driftedCounters, driftOf } from './drift.ts';
import { networkFaults } from './network.ts';
import * as processes from './processes.ts';
import { providerFaults } from './provider.ts';
import * as servers from './servers.ts';
import * as sessions from './sessions.ts';
import { haltedTopic, hostileRecords } from './topics.ts';
import { failingSteps } from './weather.ts';

/** Every fault of the laboratory. The table of the README says which harness had it before. */
export const menu: readonly Fault[] = [
  ...Object.values(processes),
  ...Object.values(servers),
  ...brokerFaults,
  ...brokerPlaceFaults,
  ...brokerTopicFaults,
  ...networkFaults,
  ...Object.values(sessions),
  haltedTopic,
  hostileRecords,
  ...providerFaults,
  failingSteps,
  driftOf(20),
  driftedCounters,
];

/** Finds faults by words, each a name or the begin of one. Throws with the known names. */
export function faultsNamed(words: readonly string[]): readonly Fault[] {
  const found = words.map((word) => menu.filter(({ name }) => name === word || name.startsWith(`${word}-`)));
  const unknown = words.filter((_, index) => found[index]?.length === 0);
  if (unknown.length > 0)
    throw new Error(`there is no fault ${unknown.join(', ')}: ${menu.map(({ name }) => name).join(', ')}`);
  return [...new Set(found.flat())];
}
