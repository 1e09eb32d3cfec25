import { type Admin, type Broker, BrokerError, type TopicDescription } from '@convergekit/broker/engine';
import { withTransaction } from '@convergekit/postgres';
import { START } from '@convergekit/contracts/engine';
import { messageOf } from '@convergekit/core/engine';
import { limitTopic } from '@convergekit/outbox/engine';
import type { Leadership } from '../leader/leadership.ts';
import { registerTopic, saveTopicId } from './topic-sql.ts';
import { comparePartitions } from '../log-check/compare.ts';
import { isRecreated, recreatedText, unknownText } from './recreated.ts';
import type { Topic } from '../backlog/topic.ts';
import type { Halt } from '../backlog/flow-state.ts';

/** The result of a check of a topic. `unreachable` says nothing about the topic. */
export type TopicFinding =
  | {
      readonly kind: 'found';
      readonly partitions: number;
      readonly topicId: string | null;
      /** Bytes of a record at most; undefined where the broker does not say. */
      readonly maxBytes: number | undefined;
      readonly doubts: readonly string[];
    }
  | { readonly kind: 'wrong'; readonly halt: Halt }
  | { readonly kind: 'unreachable'; readonly detail: string };

/** The record of a topic: partition count (0: none) and broker's id (undefined: none, or nothing sent yet). */
export interface Known {
  readonly partitions: number;
  readonly topicId: string | undefined;
}

/** The command that lets a topic continue with its new number of partitions. */
export function acceptPartitions(topic: string): string {
  return `converge topics accept ${topic} --group <the groups that read it> --reason "…"`;
}

/** Decides what a description means for a topic. Pure. */
export function judgeTopic(
  name: string,
  { partitions: recorded, topicId }: Known,
  described: Pick<TopicDescription, 'partitions' | 'topicId' | 'replicationFactor' | 'config'> | undefined,
): TopicFinding {
  if (described === undefined) return wrong('TOPIC_UNKNOWN', unknownText(name, recorded));
  if (recorded !== 0 && described.partitions !== recorded)
    return wrong(
      'PARTITION_COUNT_CHANGED',
      `it has ${described.partitions} partitions and ${recorded} on record. Keys would move and lose their order: restore the count, or accept the new one: \`${acceptPartitions(name)}\``,
    );
  if (isRecreated(topicId, described.topicId)) return wrong('TOPIC_RECREATED', recreatedText(name));
  if ((described.config['cleanup.policy'] ?? '').split(',').includes('compact'))
    return wrong(
      'TOPIC_COMPACTED',
      'its cleanup.policy contains compact: Kafka would delete events that consumers have not seen. Set cleanup.policy=delete',
    );
  const { partitions, topicId: found } = described;
  const limit = described.config['max.message.bytes'];
  const maxBytes = limit === undefined ? undefined : Number(limit);
  return { kind: 'found', partitions, topicId: found, maxBytes, doubts: doubtsOf(described) };
}

/** Settings that do not stop the relay, but can lose what was acknowledged. */
function doubtsOf({
  replicationFactor,
  config,
}: Pick<TopicDescription, 'replicationFactor' | 'config'>): readonly string[] {
  if (replicationFactor === undefined) return [];
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

/** Describes topics with one admin client, which is replaced after an error. */
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
      return { kind: 'unreachable', detail: messageOf(error) };
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
      leader.backlog.halt(topic, finding.halt);
      return true;
    case 'found':
      if (topic.partitions === 0) await record(leader, topic, finding.partitions);
      await keepId(leader, topic, finding.topicId);
      await keepLimit(leader, topic, finding.maxBytes);
      topic.verify();
      for (const doubt of finding.doubts)
        leader.settings.log.warn({ topic: topic.name }, `topic ${topic.name} is not safe: ${doubt}`);
      return true;
  }
}

export async function keepId(
  { writes, term }: Leadership,
  topic: Topic,
  topicId: string | null,
): Promise<void> {
  if (topicId === null || topicId === topic.topicId) return;
  await saveTopicId(writes, term, topic.name, topicId);
  topic.identify(topicId);
}

/** Writes the limit of a topic where emits read it, when it is not the one that this leader wrote last. */
export async function keepLimit(
  { writes }: Leadership,
  topic: Topic,
  maxBytes: number | undefined,
): Promise<void> {
  if (maxBytes === undefined || maxBytes === topic.maxBytes) return;
  await limitTopic(writes, topic.name, maxBytes);
  topic.maxBytes = maxBytes;
}

/** Records the partitions of a topic that was never sent to, and compares their logs. */
export async function record(leader: Leadership, topic: Topic, partitions: number): Promise<void> {
  const { database, clock, random } = leader.settings;
  const ours = await withTransaction(database, { clock, random }, (tx) =>
    registerTopic(tx, leader.fence, topic.name, partitions),
  );
  if (!ours) {
    leader.deposed('another relay took over while a topic was recorded');
    return;
  }
  topic.open(Array.from({ length: partitions }, () => START));
  // The topic holds nothing of this source, unless the database went back to before the topic's first event.
  const cursors = topic.queues.map(({ partition }) => ({ topic: topic.name, partition, ...START }));
  await comparePartitions(leader, topic.queues, cursors);
}
