import { type Fault, fault, type Injected, type Targets } from '../types.ts';
import type { Expected } from '../workloads/counted/alarm-record.ts';

/** How long a part of the pair is away, in milliseconds. */
export const AWAY_MS = 5_000;

/** Each fault takes the lease once and ends a term, so that their sum is an alarm. */
const IN_SUM = {
  lease_lost_repeatedly: /times/,
  leadership_failing: /terms failed/,
} satisfies Expected['alarms'];

export type PairTargets = Pick<Targets, 'pair' | 'counted'>;

interface PairFault extends Pick<Expected, 'alarms'> {
  readonly name: string;
  readonly about: string;
  /** How long it is held, in milliseconds. @default not at all */
  readonly ms?: number;
  readonly inject: (targets: PairTargets) => Promise<Injected>;
}

export function ofPair({ name, about, ms = 0, inject, alarms }: PairFault): Fault {
  return fault({
    name,
    about,
    needs: ['pair', 'counted'],
    holdMs: [ms, ms],
    inject: (targets) => {
      targets.counted.alarms.begin(name, { alarms: { ...IN_SUM, ...alarms } });
      return inject(targets);
    },
  });
}
