import { type Clock, systemClock } from '@convergekit/core';
import {
  type Admin,
  type Broker,
  BrokerError,
  type KnownTopic,
  type LogEnds,
  type Producer,
  type SendResult,
} from '@convergekit/broker/engine';
import { connect } from '@convergekit/postgres';
import { fetchBatches, type FoundBatch } from '../log/fetch-sql.ts';
import { listTopics, readEnds } from '../log/topic-sql.ts';
import { LogSession } from '../session/log-session.ts';

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
    const before = await endsOf(session, topics);
    const done: ExportedTopic[] = [];
    for (const topic of topics) {
      const records = await copyTopic(session, producer, topic, before.get(topic.id) ?? []);
      const exported = { topic: topic.name, partitions: topic.partitions, records };
      request.onTopic?.(exported);
      done.push(exported);
    }
    // All topics after the last copy: a relay may have written to one that was copied first, or made a new one.
    await requireUnmoved(session, await listTopics(session, request.topics), before);
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
    { code: 'EXPORT_TARGET_NOT_EMPTY', kind: 'configuration', topic: name },
  );
}

type Ends = ReadonlyMap<string, readonly LogEnds[]>;

/** Reads the ends of topics, by the topic's id. */
async function endsOf(session: LogSession, topics: readonly KnownTopic[]): Promise<Ends> {
  const ends = new Map<string, readonly LogEnds[]>();
  for (const { id, name } of topics) ends.set(id, await readEnds(session, name));
  return ends;
}

async function copyTopic(
  session: LogSession,
  producer: Producer,
  topic: KnownTopic,
  ends: readonly LogEnds[],
): Promise<number> {
  let records = 0;
  for (const { partition, earliest, latest } of ends)
    records += await copyPartition(session, producer, { topic, partition }, earliest, latest);
  return records;
}

/** Rejects when a partition has another end than before the copy, or a topic is new. */
async function requireUnmoved(
  session: LogSession,
  topics: readonly KnownTopic[],
  before: Ends,
): Promise<void> {
  const after = await endsOf(session, topics);
  for (const { id, name } of topics)
    for (const [at, { latest }] of (after.get(id) ?? []).entries())
      if (latest !== (before.get(id)?.[at]?.latest ?? 0n)) throw moved(name, 'grew while the log was copied');
}

const lostText = (partition: number, offset: bigint): string =>
  `lost the records from offset ${offset} of partition ${partition} to retention while it was copied`;

function moved(topic: string, what: string): BrokerError {
  return new BrokerError(
    `topic ${topic} ${what}: stop every service of the local log, delete the copied topics at the target, and repeat`,
    { code: 'EXPORT_LOG_MOVED', kind: 'configuration', topic },
  );
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
    let next = offset;
    for (const { lastOffset, records: count } of batches) {
      if (lastOffset !== next + BigInt(count) - 1n) throw moved(topic.name, lostText(partition, next));
      next = lastOffset + 1n;
    }
    if (next === offset) throw moved(topic.name, lostText(partition, next));
    for (const result of await producer.send(batches.map((batch) => outgoing(topic.name, partition, batch))))
      requireWritten(result);
    records += batches.reduce((sum, batch) => sum + batch.records, 0);
    offset = next;
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
