import { readAcceptance, setDrain, withdrawAcceptance } from './accept-sql.ts';
import { FLOWING } from '../backlog/flow-state.ts';
import { Lane } from '../backlog/lane.ts';
import type { Leadership } from '../leader/leadership.ts';
import type { Topic } from '../backlog/topic.ts';
import { readLowestId, readTicks } from '../window/window-sql.ts';

/**
 * The leader's part in `converge topics accept`, for a topic that is halted because its partition count changed. True:
 * the new count is on record and in the topic, so look at the topic again.
 */
export async function followAcceptance(leader: Leadership, topic: Topic): Promise<boolean> {
  const { state } = topic;
  // A hold that is not written would be unknown to the next leader, which could send beyond what we drain to.
  if (state.kind !== 'halted' || !state.written) return false;
  const found = await readAcceptance(leader.writes, topic.name);
  if (found?.recorded !== undefined && found.recorded > topic.partitions) {
    topic.grow(found.recorded);
    return true;
  }
  if (found?.wanted === undefined) return false;
  const drainTo = await setDrain(leader.writes, leader.fence, topic.name);
  if (drainTo === undefined || topic.state !== state || state.heldAt > drainTo) return false;
  const [before] = await readTicks(leader.writes, state.heldAt - 1n, 1);
  if (before?.number !== state.heldAt - 1n)
    throw new Error(`tick ${state.heldAt - 1n} is missing: ${topic.name} is held from there`);
  const lane = new Lane(topic.name, before, await readLowestId(leader.writes, before), drainTo);
  topic.verified = true;
  topic.state = { kind: 'catching_up', lane };
  leader.holdUnread(topic);
  leader.settings.log.info(
    { topic: topic.name, drainTo: drainTo.toString() },
    `topic ${topic.name} is drained with its old partition count, up to tick ${drainTo}`,
  );
  return false;
}

/** Saved up to `heldAt`: a topic that is drained waits there, as halted, for the new count to be on record. */
export function endDrain(leader: Leadership, topic: Topic, heldAt: bigint): void {
  const { state } = topic;
  if (state.kind !== 'catching_up' || state.lane.until === undefined || heldAt <= state.lane.until) return;
  const { clock } = leader.settings;
  for (const queue of topic.queues) queue.state = FLOWING;
  topic.state = {
    kind: 'halted',
    heldAt,
    halt: {
      code: 'PARTITION_COUNT_CHANGED',
      detail: `all windows up to ${state.lane.until} are sent with the old count; \`converge topics accept\` goes on from there`,
    },
    sinceMs: clock.now(),
    recheckAt: clock.monotonic(),
    written: true,
  };
}

/** A topic flows with the count on record: an acceptance that was not completed would be about an earlier time. */
export async function forgetAcceptance(leader: Leadership, topic: Topic): Promise<void> {
  await withdrawAcceptance(leader.writes, topic.name);
}
