import type { FlowState } from './flow-state.ts';

/** A topic, or one partition of it, that does not flow, as the status shows it. */
export interface HeldTopic {
  readonly topic: string;
  /** Set apart by itself: the other partitions flow. */
  readonly partition?: number;
  readonly state: Exclude<FlowState['kind'], 'flowing'>;
  /** Of what is halted. */
  readonly code?: string;
  readonly detail?: string;
  /** The first window that may miss its events. */
  readonly heldAt: bigint;
}
