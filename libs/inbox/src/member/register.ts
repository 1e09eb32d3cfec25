import { once } from 'node:events';
import {
  type Admin,
  createTopics,
  type GroupMember,
  type LogEnds,
  type TopicDescription,
} from '@convergekit/broker/engine';
import { type Executor, withTransaction } from '@convergekit/postgres';
import { type ConsumerDefinition, declaresStart, startOf } from '../define/define-consumer.ts';
import { registeredTypes } from '../define/routes.ts';
import type { Start } from '../define/types.ts';
import { InboxError } from '../errors.ts';
import { declareSources, readSources } from './source-sql.ts';
import { setKeepForeign } from '../service/foreign-sql.ts';
import type { ResolvedOptions } from '../service/options.ts';
import { unregisterType, registerTypes } from './type-sql.ts';
import { insertPartitions, lockRegistration, type NewPartition, readPartitions } from './partition-sql.ts';

/** Describes the required topics, the failure topic included. One error names all that are missing. */
export async function describeTopics<DB>(
  admin: Admin,
  consumers: readonly ConsumerDefinition<DB>[],
): Promise<ReadonlyMap<string, TopicDescription>> {
  const wanted = new Set(consumers.flatMap(({ topics, failureTopic }) => [...topics, failureTopic]));
  const found = new Map<string, TopicDescription>();
  for (const topic of wanted) {
    const description = await admin.describeTopic(topic);
    if (description !== undefined) found.set(topic, description);
  }
  const missing = [...wanted].filter((topic) => !found.has(topic));
  if (missing.length === 0) return found;
  const names = consumers.map(({ name }) => name).join(', ');
  throw new InboxError(
    'TOPIC_MISSING',
    `consumer ${names} cannot start, since the broker has no topic ${missing.join(', ')}: create them with \`${createTopics(missing)}\` (topics are never created implicitly)`,
  );
}

/**
 * Records where the consumer begins in topics and partitions that it has not read yet. It does so once, for all partitions and
 * under the registration's lock: members that start together agree, and `latest` means the end at this moment, not that at a
 * rebalance. Returns the ids of the members of its group that keep their places in another database: this one has none, and
 * they have joined before.
 */
export async function register<DB>(
  consumer: ConsumerDefinition<DB>,
  topics: ReadonlyMap<string, TopicDescription>,
  admin: Admin,
  { database, keepForeignMs }: Pick<ResolvedOptions<DB>, 'database' | 'keepForeignMs'>,
  ending: AbortSignal,
): Promise<readonly string[]> {
  const before = await readPartitions(database.executor, consumer.name);
  // Members of this database register before they join.
  const members = before.length === 0 ? await membersOf(admin, consumer.name, ending) : [];
  // A partition without a leader does not keep a registered consumer from its start.
  const ends = new Map<string, readonly LogEnds[]>();
  for (const topic of consumer.topics)
    if (before.filter((row) => row.topic === topic).length < (topics.get(topic)?.partitions ?? 0))
      ends.set(topic, await admin.logEnds(topic));
  return withTransaction(database, {}, async (tx) => {
    await lockRegistration(tx, consumer.name);
    await setKeepForeign(tx, consumer.name, keepForeignMs);
    await pinListed(tx, consumer);
    await declareSources(tx, consumer.name, 'failures', new Map(Object.entries(consumer.failureSources)));
    const known = await readPartitions(tx, consumer.name);
    const missing = consumer.topics.flatMap((topic) => {
      const registered = new Set(
        known.filter((row) => row.topic === topic).map(({ partition }) => partition),
      );
      if (registered.size === 0 && known.length > 0) refuseUndeclared(consumer, topic);
      const start = startFor(consumer, topic);
      return (ends.get(topic) ?? [])
        .filter(({ partition }) => !registered.has(partition))
        .map(({ partition, earliest, latest }): NewPartition => ({
          topic,
          partition,
          topicId: topics.get(topic)?.topicId ?? null,
          // A partition that is added to a known topic is read from its first record, whatever is declared.
          offset: start === 'latest' && registered.size === 0 ? latest : earliest,
        }));
    });
    await insertPartitions(tx, consumer.name, missing);
    const handled = consumer.subscriptions.flatMap(({ topic, handler, ...of }) =>
      registeredTypes(of).map((type) => ({ topic, type, handler })),
    );
    await registerTypes(tx, consumer.name, handled);
    for (const { topic, type } of consumer.ignored) await unregisterType(tx, consumer.name, type, topic);
    return known.length === 0 ? members.map(({ id }) => id) : [];
  });
}

/** Reads the members of a group: none if its login lacks the right. A stop does not wait for a coordinator. */
async function membersOf(admin: Admin, group: string, ending: AbortSignal): Promise<readonly GroupMember[]> {
  if (ending.aborted) return [];
  const stopped = once(ending, 'abort').then(() => []);
  return Promise.race([admin.members(group).catch(() => []), stopped]);
}

/**
 * Pins the listed sources. A list that contradicts the pinned ones is refused: an event that was deduplicated by one rule
 * (watermark or row) would be unknown to the other, and take effect again.
 */
async function pinListed<DB>(tx: Executor, { name, sources }: ConsumerDefinition<DB>): Promise<void> {
  if (sources === undefined) return;
  const listed = new Map(Object.entries(sources).map(([source, id]) => [id, source]));
  for (const [id, source] of await readSources(tx, name))
    if (!listed.has(id))
      throw new InboxError(
        'SOURCES_CONTRADICT',
        `consumer ${name} has used the positions of source ${source} (${id}), and its \`sources\` list ${sources[source] ?? 'no such source'}: list that uuid, or give the consumer a new name to start over`,
      );
  await declareSources(tx, name, 'events', listed);
}

export function startFor<DB>(consumer: ConsumerDefinition<DB>, topic: string): Start {
  const start = startOf(consumer.from, topic);
  if (start !== undefined) return start;
  throw new InboxError(
    'TOPIC_START_UNDECLARED',
    `consumer ${consumer.name} does not declare where it begins in ${topic}: add it to \`from\`, for example { '${topic}': 'first' }, or a '*' for all others`,
  );
}

function refuseUndeclared<DB>(consumer: ConsumerDefinition<DB>, topic: string): void {
  if (declaresStart(consumer.from, topic)) return;
  throw new InboxError(
    'TOPIC_START_UNDECLARED',
    `consumer ${consumer.name} has positions already, and topic ${topic} is new to it: declare where it begins there, as in defineConsumer('${consumer.name}', { from: { '*': 'first', '${topic}': 'first' } }), or 'latest' to leave out what the topic has`,
  );
}
