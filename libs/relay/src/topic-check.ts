import { type Admin, type Broker, BrokerError, type TopicDescription } from '@converge/kafka';
import { withTransaction } from '@converge/postgres';
import { forgetAcceptance } from './accept.ts';
import { startCursor } from './cursor.ts';
import type { Leadership } from './leadership.ts';
import { Lane } from './lane.ts';
import { registerTopic } from './leadership-sql.ts';
import { compareTopics } from './log-check/compare-again.ts';
import type { Topic } from './topic.ts';
import { type Halt } from './topic.ts';
import { readLowestId, readTicks } from './window-sql.ts';

/** What the broker says about a topic. `unreachable` says nothing about the topic. */
export type TopicFinding =
  | { readonly kind: 'found'; readonly partitions: number; readonly doubts: readonly string[] }
  | { readonly kind: 'wrong'; readonly halt: Halt }
  | { readonly kind: 'unreachable'; readonly detail: string };

/** Pure: what a description means for a topic with this count on record (0 = none). */
export function judgeTopic(
  name: string,
  recorded: number,
  described: Pick<TopicDescription, 'partitions' | 'replicationFactor' | 'config'> | undefined,
): TopicFinding {
  if (described === undefined)
    return wrong('TOPIC_UNKNOWN', `the broker has no topic ${name}. Create it (\`converge topics create\`)`);
  if (recorded !== 0 && described.partitions !== recorded)
    return wrong(
      'PARTITION_COUNT_CHANGED',
      `it has ${described.partitions} partitions and ${recorded} on record. Keys would move and lose their order: restore the count, or accept the new one (\`converge topics accept\`)`,
    );
  if ((described.config['cleanup.policy'] ?? '').split(',').includes('compact'))
    return wrong(
      'TOPIC_COMPACTED',
      'its cleanup.policy contains compact: Kafka would delete events that consumers have not seen. Set cleanup.policy=delete',
    );
  return { kind: 'found', partitions: described.partitions, doubts: doubtsOf(described) };
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

  async find(topic: Pick<Topic, 'name' | 'partitions'>): Promise<TopicFinding> {
    try {
      this.#admin ??= this.#broker.admin();
      const admin = await this.#admin;
      return judgeTopic(topic.name, topic.partitions, await admin.describeTopic(topic.name));
    } catch (error) {
      if (error instanceof BrokerError && error.kind === 'halt_topic') {
        if (error.code === 'TOPIC_UNKNOWN') return judgeTopic(topic.name, topic.partitions, undefined);
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
      topic.verified = true;
      for (const doubt of finding.doubts)
        leader.settings.log.warn({ topic: topic.name }, `topic ${topic.name} is not safe: ${doubt}`);
      return true;
  }
}

/** A halted topic was mended: it gets a lane of its own, from the window at which it was held. */
export async function beginCatchUp(leader: Leadership, topic: Topic, partitions: number): Promise<void> {
  if (topic.state.kind !== 'halted') return;
  const { heldAt } = topic.state;
  if (topic.partitions === 0) await record(leader, topic, partitions);
  if (!topic.isCompared) return;
  await forgetAcceptance(leader, topic);
  const [before] = await readTicks(leader.writes, heldAt - 1n, 1);
  if (before?.number !== heldAt - 1n)
    throw new Error(`tick ${heldAt - 1n} is missing: ${topic.name} is held from there`);
  const lane = new Lane(topic.name, before, await readLowestId(leader.writes, before));
  topic.verified = true;
  topic.state = { kind: 'catching_up', lane };
  leader.settings.log.info(
    { topic: topic.name, heldAt: heldAt.toString() },
    `topic ${topic.name} is mended and catches up`,
  );
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
  await compareTopics(leader, [topic], cursors);
}
