import type { Trouble } from './alarms.ts';
import type { HeldTopic } from '../backlog/flow-state.ts';
import type { Lane } from '../backlog/lane.ts';
import type { Leadership } from '../leader/leadership.ts';
import { heldAtOf, type Topic } from '../backlog/topic.ts';
import type { Alarm } from './alarm-board.ts';

export type RelayStatus = RelayState & {
  /** The alarms that are raised now; changes were logged. */
  readonly alarms: readonly Alarm[];
  /** The side that keeps the relay from leading. */
  readonly troubleFrom?: Trouble['from'];
};

export type LeadingState = Extract<RelayState, { state: 'leading' }>;

export type RelayState =
  | { readonly state: 'new' | 'stopping' | 'stopped'; readonly published: number }
  | {
      readonly state: 'standby';
      readonly published: number;
      readonly heldBy?: string;
      /** The reason why the relay does not take over. */
      readonly trouble?: string;
      /** The code of the trouble, if any: `database_went_back`, `database_moved`, `log_behind_cursor`, … */
      readonly code?: string;
    }
  | {
      readonly state: 'leading';
      readonly published: number;
      readonly term: bigint;
      readonly epoch: number;
      readonly doneTick: bigint;
      /** Events read and not acknowledged. */
      readonly queued: number;
      /** The reason why the broker takes nothing at the moment. */
      readonly trouble?: string;
      readonly held: readonly HeldTopic[];
    };

export function leadingState(leader: Leadership): LeadingState {
  const held = leader.backlog.topics.flatMap((topic) => heldOf(topic, leader.main));
  return {
    state: 'leading',
    published: leader.totals.published,
    term: leader.term,
    epoch: leader.epoch,
    doneTick: leader.main.done,
    queued: leader.backlog.events,
    ...(leader.brokerTrouble === undefined ? {} : { trouble: leader.brokerTrouble }),
    held,
  };
}

/** Lists the topic when it does not flow, and its partitions that are held by themselves. One that is only tried again is halted. */
function heldOf(topic: Topic, main: Lane): HeldTopic[] {
  return [topic, ...topic.heldPartitions].flatMap((holder) => {
    const { state } = holder;
    if (state.kind === 'flowing') return [];
    const heldAt = holder === topic ? topic.heldAt(main) : heldAtOf(state, main);
    const isHalted = state.kind === 'halted' || ('isProbe' in holder && holder.isProbe);
    const kind: HeldTopic['state'] = isHalted ? 'halted' : state.kind;
    const held = { topic: topic.name, state: kind, heldAt, ...(isHalted && state.halt) };
    return 'partition' in holder ? [{ ...held, partition: holder.partition }] : [held];
  });
}
