import type { TopicState } from './topic.ts';

/** A topic that does not flow, as the status tells it. */
export interface HeldTopic {
  readonly topic: string;
  readonly state: Exclude<TopicState['kind'], 'flowing'>;
  /** Of a halted topic. */
  readonly code?: string;
  readonly detail?: string;
  /** The first window that may miss events of this topic. */
  readonly heldAt: bigint;
}
