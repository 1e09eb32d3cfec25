import type { Backlog } from '../backlog/backlog.ts';
import { Lane } from '../backlog/lane.ts';
import type { PartitionQueue } from '../backlog/partition-queue.ts';
import type { Topic } from '../backlog/topic.ts';
import type { Leadership } from '../leader/leadership.ts';
import type { Executor } from '@convergekit/postgres';
import { readLowestId, readTicks } from '../window/window-sql.ts';
import { setDrain, withdrawAcceptance } from './accept-sql.ts';
import { acceptPartitions, keepId, record, type TopicFinding } from './topic-check.ts';
import { readTopic } from './topic-sql.ts';

/** Starts a separate lane for a topic whose cause of the halt is gone, from its held window. */
export async function catchUpTopic(
  leader: Leadership,
  topic: Topic,
  { partitions, topicId }: Extract<TopicFinding, { kind: 'found' }>,
): Promise<void> {
  const { state } = topic;
  if (state.kind !== 'halted') return;
  if (topic.partitions === 0) await record(leader, topic, partitions);
  if (!topic.isCompared) return;
  await keepId(leader, topic, topicId);
  // The topic flows with the recorded count: an incomplete acceptance would be outdated.
  await withdrawAcceptance(leader.writes, topic.name);
  const lane = await laneFrom(leader.writes, topic, state.heldAt);
  if (!leader.backlog.catchUp(topic, topic, state, lane)) return;
  topic.verify();
  leader.settings.log.info(
    { topic: topic.name, heldAt: state.heldAt.toString() },
    `topic ${topic.name} catches up`,
  );
}

/** Starts a separate lane for a partition that is halted by itself, to try it again. */
export async function catchUpPartition(
  { backlog, main, writes }: Leadership,
  topic: Topic,
  queue: PartitionQueue,
): Promise<void> {
  const { state } = queue;
  if (state.kind !== 'halted' || queue.unread !== undefined) return;
  const base = topic.state.kind === 'catching_up' ? topic.state.lane : main;
  // The partition's lane would have to reach a lane that still has to reach the main lane.
  if (topic.state.kind === 'halted' || (base !== main && base.until === undefined)) return;
  backlog.catchUp(topic, queue, state, await laneFrom(writes, topic, state.heldAt, base.until));
}

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
  const detail = `all windows up to ${state.lane.until} are sent with the old count; \`${acceptPartitions(topic.name)}\` continues from there`;
  backlog.endDrain(topic, { code: 'PARTITION_COUNT_CHANGED', detail }, heldAt);
}

/** A lane that reads from window `heldAt` on. */
async function laneFrom(executor: Executor, { name }: Topic, heldAt: bigint, until?: bigint): Promise<Lane> {
  const [before] = await readTicks(executor, heldAt - 1n, 1);
  if (before?.number !== heldAt - 1n)
    throw new Error(`tick ${heldAt - 1n} is missing: ${name} is held from there`);
  return new Lane(name, before, await readLowestId(executor, before), until);
}
