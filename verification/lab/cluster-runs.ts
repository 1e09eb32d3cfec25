import type { DriverName } from '@convergekit/kafka';
import { brokerPlaceFaults } from './faults/broker-places.ts';
import { brokerTopicFaults } from './faults/broker-topics.ts';
import { brokerFaults } from './faults/brokers.ts';
import { pairFaults } from './faults/pair.ts';
import type { RunSpec } from './spec.ts';
import type { Fault } from './types.ts';

export const allBrokerFaults = [...brokerFaults, ...brokerPlaceFaults, ...brokerTopicFaults];

interface ClusterSettings {
  readonly rate?: number | undefined;
  readonly seconds?: number | undefined;
  readonly driver?: DriverName | undefined;
  readonly faults?: readonly Fault[] | undefined;
}

/** On a cluster of three: each fault of a broker after the other, or for a time, in the order of the seed. */
export function clusterOfThree({
  rate = 100,
  seconds,
  driver,
  faults = brokerFaults,
}: ClusterSettings): RunSpec {
  const timed = seconds !== undefined;
  return {
    name: 'cluster',
    title: 'Three brokers, of which one after the other is killed, frozen, emptied and moved',
    workloads: ['counted'],
    counted: { brokers: 3, ...(driver && { driver }) },
    endsWithPlan: !timed,
    load: { kind: 'rate', perSecond: rate, seconds: seconds ?? Number.POSITIVE_INFINITY },
    plan: timed
      ? { kind: 'deck', faults, everyMs: [1_000, 5_000] }
      : { kind: 'script', scenes: faults.map((fault) => ({ at: 0, fault })) },
  };
}

/** Behind a PgBouncer, a primary with a standby: what befalls either, one after the other. */
export function standbyBehindPooler({ rate = 100, driver }: ClusterSettings): RunSpec {
  return {
    name: 'standby',
    title:
      'A primary, its standby and their PgBouncer, of which one after the other hangs, dies or is promoted',
    workloads: ['counted'],
    counted: { pair: true, mayRefuse: true, ...(driver && { driver }) },
    endsWithPlan: true,
    load: { kind: 'rate', perSecond: rate, seconds: Number.POSITIVE_INFINITY },
    plan: { kind: 'script', scenes: pairFaults.map((fault) => ({ at: 0, fault })) },
  };
}
