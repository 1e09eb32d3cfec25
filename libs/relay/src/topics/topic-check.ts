import { type Admin, type Broker, BrokerError, type TopicDescription } from '@convergekit/broker/engine';
import { withTransaction } from '@convergekit/postgres';
import { forgetAcceptance } from './accept.ts';
import { startCursor } from '../cursor/cursor.ts';
import type { Leadership } from '../leader/leadership.ts';
import { registerTopic, saveTopicId } from './topic-sql.ts';
import { Lane } from '../backlog/lane.ts';
import { comparePartitions } from '../log-check/compare-again.ts';
import { isMadeAgain, madeAgainText } from './recreated.ts';
import type { PartitionQueue } from '../backlog/partition-queue.ts';
import type { Topic } from '../backlog/topic.ts';
import type { Halt } from '../backlog/flow-state.ts';
import { readLowestId, readTicks } from '../window/window-sql.ts';

/** What the broker says about a topic. `unreachable` says nothing about the topic. */
export type TopicFinding =
  | {
      readonly kind: 'found';
      readonly partitions: number;
      readonly topicId: string | null;
      readonly doubts: readonly string[];
    }
  | { readonly kind: 'wrong'; readonly halt: Halt }
  | { readonly kind: 'unreachable'; readonly detail: string };

/** What is on record: the partition count (0: none) and the broker's id (undefined: none, or nothing was sent yet). */
export interface Known {
  readonly partitions: number;
  readonly topicId: string | undefined;
}

/** Pure: what a description means for a topic. */
export function judgeTopic(
  name: string,
  { partitions: recorded, topicId }: Known,
  described: Pick<TopicDescription, 'partitions' | 'topicId' | 'replicationFactor' | 'config'> | undefined,
): TopicFinding {
  if (described === undefined)
    return wrong('TOPIC_UNKNOWN', `the broker has no topic ${name}. Create it (\`converge topics create\`)`);
  if (recorded !== 0 && described.partitions !== recorded)
    return wrong(
      'PARTITION_COUNT_CHANGED',
      `it has ${described.partitions} partitions and ${recorded} on record. Keys would move and lose their order: restore the count, or accept the new one (\`converge topics accept\`)`,
    );
  if (isMadeAgain(topicId, described)) return wrong('TOPIC_RECREATED', madeAgainText(name));
  if ((described.config['cleanup.policy'] ?? '').split(',').includes('compact'))
    return wrong(
      'TOPIC_COMPACTED',
      'its cleanup.policy contains compact: Kafka would delete events that consumers have not seen. Set cleanup.policy=delete',
    );
  const { partitions, topicId: found } = described;
  return { kind: 'found', partitions, topicId: found, doubts: doubtsOf(described) };
}

/** What does not stop the relay, and yet can lose what was acknowledged. */
function doubtsOf({
  replicationFactor,
  config,
}: Pick<TopicDescription, 'replicationFactor' | 'config'>): readonly string[] {
  const minimum = Number(config['min.insync.replicas'] ?? 1);
  if (replicationFactor < 3)
    return [
      `its replication factor is ${replicationFactor}: one lost disk can lose events (3 in production)`,
    ];
  if (minimum < 2)
    return [
      `its min.insync.replicas is ${minimum}: an acknowledged event may be on one disk alone (2 in production)`,
    ];
  return [];
}

function wrong(code: string, detail: string): TopicFinding {
  return { kind: 'wrong', halt: { code, detail } };
}

/** Asks the broker; one admin client, made again after an error. */
export class TopicChecks {
  readonly #broker: Broker;
  #admin: Promise<Admin> | undefined;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  async find(topic: Pick<Topic, 'name' | 'known'>): Promise<TopicFinding> {
    try {
      this.#admin ??= this.#broker.admin();
      const admin = await this.#admin;
      return judgeTopic(topic.name, topic.known, await admin.describeTopic(topic.name));
    } catch (error) {
      if (error instanceof BrokerError && error.kind === 'halt_topic') {
        if (error.code === 'TOPIC_UNKNOWN') return judgeTopic(topic.name, topic.known, undefined);
        return wrong(error.code, error.message);
      }
      await this.close();
      return { kind: 'unreachable', detail: error instanceof Error ? error.message : String(error) };
    }
  }

  async close(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    await admin?.then((open) => open.close()).catch(() => undefined);
  }
}

/** Acts on a finding about a flowing topic, or one seen for the first time. False: ask again, the broker did not answer. */
export async function applyFinding(
  leader: Leadership,
  topic: Topic,
  finding: TopicFinding,
): Promise<boolean> {
  switch (finding.kind) {
    case 'unreachable':
      return false;
    case 'wrong':
      leader.halt(topic, finding.halt);
      return true;
    case 'found':
      if (topic.partitions === 0) await record(leader, topic, finding.partitions);
      await keepId(leader, topic, finding.topicId);
      topic.verified = true;
      for (const doubt of finding.doubts)
        leader.settings.log.warn({ topic: topic.name }, `topic ${topic.name} is not safe: ${doubt}`);
      return true;
  }
}

/** The cause of a halt is gone: the topic gets a lane of its own, from the window at which it was held. */
export async function beginCatchUp(
  leader: Leadership,
  topic: Topic,
  { partitions, topicId }: Extract<TopicFinding, { kind: 'found' }>,
): Promise<void> {
  if (topic.state.kind !== 'halted') return;
  const { heldAt } = topic.state;
  if (topic.partitions === 0) await record(leader, topic, partitions);
  if (!topic.isCompared) return;
  await keepId(leader, topic, topicId);
  await forgetAcceptance(leader, topic);
  const lane = await laneFrom(leader, topic, heldAt);
  topic.verified = true;
  topic.state = { kind: 'catching_up', lane };
  leader.holdUnread(topic);
  leader.settings.log.info(
    { topic: topic.name, heldAt: heldAt.toString() },
    `topic ${topic.name} catches up`,
  );
}

async function keepId({ writes, term }: Leadership, topic: Topic, topicId: string | null): Promise<void> {
  if (topicId === null || topicId === topic.topicId) return;
  await saveTopicId(writes, term, topic.name, topicId);
  topic.topicId = topicId;
}

/** Tries a partition that is set apart: it gets a lane of its own, from the window at which it was held. */
export async function catchUpPartition(
  leader: Leadership,
  topic: Topic,
  queue: PartitionQueue,
): Promise<void> {
  const { state } = queue;
  if (state.kind !== 'halted' || queue.unread !== undefined) return;
  const base = topic.state.kind === 'catching_up' ? topic.state.lane : leader.main;
  // Its lane would have to meet one that itself still has to meet the main lane.
  if (topic.state.kind === 'halted' || (base !== leader.main && base.until === undefined)) return;
  const lane = await laneFrom(leader, topic, state.heldAt, base.until);
  if (queue.state === state) queue.state = { kind: 'catching_up', lane };
}

async function laneFrom(leader: Leadership, topic: Topic, heldAt: bigint, until?: bigint): Promise<Lane> {
  const [before] = await readTicks(leader.writes, heldAt - 1n, 1);
  if (before?.number !== heldAt - 1n)
    throw new Error(`tick ${heldAt - 1n} is missing: ${topic.name} is held from there`);
  return new Lane(topic.name, before, await readLowestId(leader.writes, before), until);
}

async function record(leader: Leadership, topic: Topic, partitions: number): Promise<void> {
  const { database, clock, random } = leader.settings;
  const ours = await withTransaction(database, { clock, random }, (tx) =>
    registerTopic(tx, leader.fence, topic.name, partitions),
  );
  if (!ours) {
    leader.deposed('another relay took over while a topic was recorded');
    return;
  }
  topic.open(Array.from({ length: partitions }, startCursor));
  // It holds nothing of this source, unless the database went back to before its first event.
  const cursors = topic.queues.map(({ partition }) => ({ topic: topic.name, partition, ...startCursor() }));
  await comparePartitions(leader, topic.queues, cursors);
}
