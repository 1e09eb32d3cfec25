import type { DriverName } from '@convergekit/kafka';
import type { BrokerName } from '@convergekit/local/choose';
import type { Plan } from './plan.ts';
import type { Fault, Load, Part, Run } from './types.ts';
import type { CountedOptions } from './workloads/counted/part.ts';
import type { Extra } from './workloads/shop/extras.ts';

export const workloadNames = ['shop', 'transfers', 'writers', 'counted'] as const;
export type WorkloadName = (typeof workloadNames)[number];

/** One run: workloads, faults, and what is expected. */
export interface RunSpec {
  readonly name: string;
  readonly title: string;
  /** What a reader should expect to see, a sentence each. */
  readonly expectation?: readonly string[];
  readonly workloads: readonly WorkloadName[];
  readonly load: Load;
  /** Requests before a load at a rate, by their names: its rate is at most what they show the machine to carry. @default none */
  readonly warmUp?: Readonly<Record<string, number>>;
  readonly plan: Plan;
  /** Faults that last as long as the load. */
  readonly throughout?: readonly Fault[];
  /** The time without change, with things open, after which the judge reads all the same, in milliseconds. @default 60_000 */
  readonly noProgressMs?: number;
  /** True where open work at the end is a judgement of its own, and no finding. @default false */
  readonly mayStayOpen?: boolean;
  /** True where the load lasts as long as the faults. @default false */
  readonly endsWithPlan?: boolean;
  readonly broker?: BrokerName;
  /** Judges the shop's sagas by their narratives, too, and runs it without the reconciler. @default false */
  readonly sagas?: boolean;
  readonly extras?: readonly Extra[];
  readonly counted?: CountedOptions;
  /** The Kafka driver of the relays. @default the kit's */
  readonly driver?: DriverName | undefined;
}

/** A run with its workloads. */
export interface LabRun
  extends
    Run,
    Pick<
      RunSpec,
      'load' | 'warmUp' | 'plan' | 'throughout' | 'noProgressMs' | 'endsWithPlan' | 'mayStayOpen'
    > {
  readonly parts: readonly Part[];
}
