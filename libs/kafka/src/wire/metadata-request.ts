import { ByteReader } from '@convergekit/broker/engine';
import { ByteWriter } from './byte-writer.ts';
import type { Exchange } from './connection.ts';

export interface PartitionMetadata {
  readonly partition: number;
  readonly errorCode: number;
  /** The leader's id; −1 while the partition has none. */
  readonly leader: number;
  /** The number of the leader's election; −1 when the broker does not say. */
  readonly leaderEpoch: number;
  readonly replicas: number;
}

export interface TopicMetadata {
  readonly name: string;
  readonly errorCode: number;
  readonly topicId: string;
  readonly partitions: readonly PartitionMetadata[];
}

export interface ClusterMetadata {
  readonly brokers: ReadonlyMap<number, { readonly host: string; readonly port: number }>;
  readonly topics: ReadonlyMap<string, TopicMetadata>;
}

/** Metadata, version 12: the first with topic ids; every supported broker speaks it. Answered in `timeoutMs` or the link's time. */
export function metadataRequest(topics: readonly string[], timeoutMs?: number): Exchange<ClusterMetadata> {
  const body = new ByteWriter().uvarint(topics.length + 1);
  for (const topic of topics) body.raw(Buffer.alloc(16)).compactString(topic).uvarint(0);
  // The request neither creates topics nor lists permissions.
  body.int8(0).int8(0).uvarint(0);
  const limit = timeoutMs !== undefined && { timeoutMs };
  return {
    apiKey: 3,
    apiVersion: 12,
    name: 'Metadata',
    body: [body.finish()],
    flexible: true,
    ...limit,
    read: metadataResponse,
  };
}

function metadataResponse(payload: Buffer): ClusterMetadata {
  const reader = new ByteReader(payload);
  reader.skipTags();
  reader.int32();
  const brokers = reader.compactArray(() => {
    const broker = { id: reader.int32(), host: reader.compactString(), port: reader.int32() };
    reader.compactNullableString();
    reader.skipTags();
    return broker;
  });
  reader.compactNullableString();
  reader.int32();
  const topics = reader.compactArray(() => topicOf(reader));
  return {
    brokers: new Map(brokers.map(({ id, host, port }) => [id, { host, port }])),
    topics: new Map(topics.map((topic) => [topic.name, topic])),
  };
}

function topicOf(reader: ByteReader): TopicMetadata {
  const errorCode = reader.int16();
  const name = reader.compactNullableString() ?? '';
  const topicId = uuidOf(reader.bytes(16));
  reader.int8();
  const partitions = reader.compactArray(() => partitionOf(reader));
  reader.int32();
  reader.skipTags();
  return { name, errorCode, topicId, partitions };
}

function partitionOf(reader: ByteReader): PartitionMetadata {
  const errorCode = reader.int16();
  const partition = reader.int32();
  const leader = reader.int32();
  const leaderEpoch = reader.int32();
  const replicas = reader.compactArray(() => reader.int32()).length;
  reader.compactArray(() => reader.int32());
  reader.compactArray(() => reader.int32());
  reader.skipTags();
  return { errorCode, partition, leader, leaderEpoch, replicas };
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
