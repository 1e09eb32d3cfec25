import { type Clock, systemClock } from '@convergekit/core';
import {
  type Admin,
  type Broker,
  BrokerError,
  type Producer,
  type SendResult,
} from '@convergekit/broker/engine';
import { connect } from '@convergekit/postgres';
import { fetchBatches, type FoundBatch } from '../log/fetch-sql.ts';
import { type KnownTopic, readEnds } from '../log/topic-sql.ts';
import { LogSession } from '../session/log-session.ts';
import { listTopics } from './topics-sql.ts';

export interface ExportRequest {
  /** The database of the local log. @default the standard PG* variables */
  readonly url?: string | undefined;
  /** The broker to copy to: Kafka. */
  readonly target: Broker;
  /** @default every topic of the log */
  readonly topics?: readonly string[];
  /** Copies of each partition at the target. @default the target's */
  readonly replicationFactor?: number | undefined;
  /** Reports each topic that is copied. */
  readonly onTopic?: (topic: ExportedTopic) => void;
  readonly clock?: Clock;
}

export interface ExportedTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
}

const READ_BYTES = 4 * 1_048_576;
const REQUEST_TIMEOUT_MS = 60_000;

/**
 * Copies the retained log to empty topics of another broker, batch by batch, to the byte: with it the positions by which
 * consumers and relays continue. Rejects with EXPORT_TARGET_NOT_EMPTY, and with EXPORT_LOG_MOVED when a relay still wrote.
 */
export async function exportLog(request: ExportRequest): Promise<readonly ExportedTopic[]> {
  const { url, target, clock = systemClock } = request;
  const database = connect({
    ...(url === undefined ? {} : { url }),
    applicationName: 'converge-export',
    max: 1,
    notify: false,
  });
  const session = new LogSession({ database, clock, requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const admin = await target.admin();
  const producer = await target.producer();
  try {
    const topics = await listTopics(session, request.topics);
    for (const topic of topics) await requireEmpty(admin, topic, request.replicationFactor);
    const done: ExportedTopic[] = [];
    for (const topic of topics) {
      const records = await copyTopic(session, producer, topic);
      const exported = { topic: topic.name, partitions: topic.partitions, records };
      request.onTopic?.(exported);
      done.push(exported);
    }
    return done;
  } finally {
    await producer.close();
    await admin.close();
    session.close();
    await database.close();
  }
}

/** Creates the topic, or accepts an empty one with the same number of partitions: keys must stay where they are. */
async function requireEmpty(
  admin: Admin,
  { name, partitions, config }: KnownTopic,
  replicationFactor: number | undefined,
): Promise<void> {
  // The local log has one copy; how many copies a write needs at the target is the target's decision.
  const kept = Object.fromEntries(Object.entries(config).filter(([key]) => key !== 'min.insync.replicas'));
  const copies = replicationFactor === undefined ? {} : { replicationFactor };
  if (await admin.createTopic({ name, partitions, config: kept, ...copies })) return;
  const ends = await admin.logEnds(name);
  if (ends.length === partitions && ends.every(({ latest }) => latest === 0n)) return;
  throw new BrokerError(
    `topic ${name} exists at the target with ${ends.length} partitions and ${ends.reduce((sum, { latest }) => sum + latest, 0n)} records: the export needs an empty one with ${partitions} partitions. Delete it there and repeat`,
    { code: 'EXPORT_TARGET_NOT_EMPTY', kind: 'configuration', certainty: 'not_applied', topic: name },
  );
}

async function copyTopic(session: LogSession, producer: Producer, topic: KnownTopic): Promise<number> {
  const before = await readEnds(session, topic.name);
  let records = 0;
  for (const { partition, earliest, latest } of before)
    records += await copyPartition(session, producer, { topic, partition }, earliest, latest);
  const after = await readEnds(session, topic.name);
  if (after.some(({ latest }, at) => latest !== before[at]?.latest))
    throw new BrokerError(
      `topic ${topic.name} grew while it was copied: stop every relay of the local log, delete the topic at the target, and repeat`,
      { code: 'EXPORT_LOG_MOVED', kind: 'configuration', certainty: 'not_applied', topic: topic.name },
    );
  return records;
}

async function copyPartition(
  session: LogSession,
  producer: Producer,
  { topic, partition }: { readonly topic: KnownTopic; readonly partition: number },
  from: bigint,
  end: bigint,
): Promise<number> {
  let records = 0;
  for (let offset = from; offset < end;) {
    const [found] = await fetchBatches(session, [
      { topicId: topic.id, partition, offset, maxBytes: READ_BYTES },
    ]);
    const batches = found?.batches ?? [];
    const last = batches.at(-1);
    if (last === undefined) break;
    for (const result of await producer.send(batches.map((batch) => outgoing(topic.name, partition, batch))))
      requireWritten(result);
    records += batches.reduce((sum, batch) => sum + batch.records, 0);
    offset = last.lastOffset + 1n;
  }
  return records;
}

function outgoing(topic: string, partition: number, { bytes, records }: FoundBatch) {
  return { topic, partition, records: { length: records, bytes } };
}

/** A write is not repeated: its outcome may be unknown, and a copy must not have a record twice. */
function requireWritten(result: SendResult): void {
  if (!result.ok) throw result.error;
}
