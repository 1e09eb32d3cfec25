import type { Backlog } from '../backlog/backlog.ts';
import type { Topic } from '../backlog/topic.ts';
import type { Leadership } from '../leader/leadership.ts';
import { setDrain } from './accept-sql.ts';
import { laneFrom } from './catch-up.ts';
import { readTopic } from './topic-sql.ts';

/**
 * Does the leader's part of `converge topics accept`, for a topic halted by a changed partition count. True: the new
 * count is recorded and in the topic, so the topic is to be checked again.
 */
export async function followAcceptance(
  { backlog, writes, fence, settings }: Leadership,
  topic: Topic,
): Promise<boolean> {
  const { state } = topic;
  // The next leader would not know an unwritten hold, and could send beyond the end of the drain.
  if (state.kind !== 'halted' || !state.written) return false;
  const found = await readTopic(writes, topic.name);
  if (found?.partitions !== undefined && found.partitions > topic.partitions) {
    topic.grow(found.partitions);
    return true;
  }
  if (found?.wanted === undefined) return false;
  const drainTo = await setDrain(writes, fence, topic.name);
  if (drainTo === undefined || state.heldAt > drainTo) return false;
  const lane = await laneFrom(writes, topic, state.heldAt, drainTo);
  if (!backlog.catchUp(topic, topic, state, lane)) return false;
  topic.verify();
  settings.log.info(
    { topic: topic.name, drainTo: drainTo.toString() },
    `topic ${topic.name} is drained with its old partition count, up to tick ${drainTo}`,
  );
  return false;
}

/** Ends a drain whose cursors are saved up to `heldAt`. The topic stays halted until the new count is recorded. */
export function endDrain(backlog: Backlog, topic: Topic, heldAt: bigint): void {
  const { state } = topic;
  if (state.kind !== 'catching_up' || state.lane.until === undefined || heldAt <= state.lane.until) return;
  const detail = `all windows up to ${state.lane.until} are sent with the old count; \`converge topics accept\` continues from there`;
  backlog.endDrain(topic, { code: 'PARTITION_COUNT_CHANGED', detail }, heldAt);
}
