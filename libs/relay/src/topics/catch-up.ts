import { Lane } from '../backlog/lane.ts';
import type { PartitionQueue } from '../backlog/partition-queue.ts';
import type { Topic } from '../backlog/topic.ts';
import type { Leadership } from '../leader/leadership.ts';
import type { Executor } from '@convergekit/postgres';
import { readLowestId, readTicks } from '../window/window-sql.ts';
import { withdrawAcceptance } from './accept-sql.ts';
import { keepId, record, type TopicFinding } from './topic-check.ts';

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

/** A lane that reads from window `heldAt` on. */
export async function laneFrom(
  executor: Executor,
  { name }: Topic,
  heldAt: bigint,
  until?: bigint,
): Promise<Lane> {
  const [before] = await readTicks(executor, heldAt - 1n, 1);
  if (before?.number !== heldAt - 1n)
    throw new Error(`tick ${heldAt - 1n} is missing: ${name} is held from there`);
  return new Lane(name, before, await readLowestId(executor, before), until);
}
