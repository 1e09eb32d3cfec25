import {
  type Assignment,
  ByteReader,
  type GroupMember,
  MalformedBytes,
  type Membership,
  type PlaceOffset,
} from '@convergekit/broker/engine';
import { ByteWriter } from './byte-writer.ts';
import type { Exchange } from './connection.ts';
import type { ErrorContext, Right } from './errors.ts';
import { checked, exchange, type TopicPartition, readTopics, writeTopics } from './exchange.ts';

/*
 * The requests of the classic group protocol, in the last versions before the flexible ones. Every supported broker
 * accepts these versions. The requests have no static member id: docs/decisions/0024.
 */

export interface Coordinator {
  readonly host: string;
  readonly port: number;
}

export interface Joined {
  /** The broker only assigned a member id: join again with it. */
  readonly named: boolean;
  readonly generation: number;
  readonly leaderId: string;
  readonly memberId: string;
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
}

export interface Joining {
  readonly groupId: string;
  readonly memberId: string;
  readonly sessionTimeoutMs: number;
  /** The time the broker waits for the other members, in milliseconds. */
  readonly rebalanceTimeoutMs: number;
  readonly protocol: string;
  readonly metadata: Buffer;
}

type Member = Pick<Membership, 'memberId' | 'generation'>;

/** Added to the broker's own wait, for the network. */
const NETWORK_MS = 5_000;
const MEMBER_ID_REQUIRED = 79;

export function findCoordinator(groupId: string, right: 'Describe' | 'Read'): Exchange<Coordinator> {
  const body = new ByteWriter().string(groupId).int8(0);
  return exchange(
    { apiKey: 10, apiVersion: 2, name: 'FindCoordinator', right: onGroup(right, groupId) },
    body,
    (reader, context) => {
      const errorCode = reader.int16();
      const said = reader.nullableString();
      reader.int32();
      return checked(errorCode, context, { host: reader.string(), port: reader.int32() }, said);
    },
  );
}

export function joinGroup(joining: Joining): Exchange<Joined> {
  const { groupId, memberId, sessionTimeoutMs, rebalanceTimeoutMs, protocol, metadata } = joining;
  const body = new ByteWriter().string(groupId).int32(sessionTimeoutMs).int32(rebalanceTimeoutMs);
  body.string(memberId).string(null).string('consumer').int32(1).string(protocol);
  body.int32(metadata.length).raw(metadata);
  const timeoutMs = rebalanceTimeoutMs + NETWORK_MS;
  return exchange(
    { apiKey: 11, apiVersion: 5, name: 'JoinGroup', timeoutMs, right: onGroup('Read', groupId) },
    body,
    (reader, context) => {
      const errorCode = reader.int16();
      const generation = reader.int32();
      reader.string();
      const answer = { generation, leaderId: reader.string(), memberId: reader.string() };
      const members = reader.array(() => {
        const id = reader.string();
        reader.nullableString();
        return { memberId: id, metadata: reader.bytes(reader.int32()) };
      });
      if (errorCode === MEMBER_ID_REQUIRED) return { ...answer, members, named: true };
      return checked(errorCode, context, { ...answer, members, named: false });
    },
  );
}

export function syncGroup(
  groupId: string,
  member: Member,
  shares: readonly { readonly memberId: string; readonly share: Buffer }[],
  rebalanceTimeoutMs: number,
): Exchange<Buffer> {
  const body = memberOf(groupId, member).string(null).int32(shares.length);
  for (const { memberId: id, share } of shares) body.string(id).int32(share.length).raw(share);
  const timeoutMs = rebalanceTimeoutMs + NETWORK_MS;
  return exchange(
    { apiKey: 14, apiVersion: 3, name: 'SyncGroup', timeoutMs, right: onGroup('Read', groupId) },
    body,
    (reader, context) => checked(reader.int16(), context, reader.bytes(reader.int32())),
  );
}

export function heartbeat(groupId: string, member: Member): Exchange<void> {
  const body = memberOf(groupId, member).string(null);
  return exchange(
    { apiKey: 12, apiVersion: 3, name: 'Heartbeat', right: onGroup('Read', groupId) },
    body,
    nothing,
  );
}

export function leaveGroup(groupId: string, memberId: string): Exchange<void> {
  const body = new ByteWriter().string(groupId).string(memberId);
  return exchange(
    { apiKey: 13, apiVersion: 2, name: 'LeaveGroup', right: onGroup('Read', groupId) },
    body,
    nothing,
  );
}

export function commitOffsets(
  groupId: string,
  member: Member,
  offsets: readonly PlaceOffset[],
): Exchange<void> {
  const body = memberOf(groupId, member).string(null);
  writeTopics(body, offsets, ({ offset }) => void body.int64(offset).int32(-1).string(''));
  return exchange(
    { apiKey: 8, apiVersion: 7, name: 'OffsetCommit', right: onGroup('Read', groupId) },
    body,
    (reader, context) => {
      for (const { topic, partition, value } of readTopics(reader, () => reader.int16()))
        checked(
          value,
          {
            doing: `${context.doing}, at ${topic}/${partition}`,
            right: { operation: 'Read', on: 'topic', name: topic },
          },
          undefined,
        );
    },
  );
}

/** Reads committed offsets; partitions without one are left out. */
export function committedOffsets(
  groupId: string,
  places: readonly Assignment[],
): Exchange<readonly TopicPartition<bigint>[]> {
  const body = new ByteWriter().string(groupId);
  writeTopics(body, places);
  return exchange(
    { apiKey: 9, apiVersion: 5, name: 'OffsetFetch', right: onGroup('Describe', groupId) },
    body,
    (reader, context) => {
      const found = readTopics(reader, (topic) => {
        const offset = reader.int64();
        reader.int32();
        reader.nullableString();
        const right: Right = { operation: 'Describe', on: 'topic', name: topic };
        return checked(reader.int16(), { ...context, right }, offset);
      });
      return checked(reader.int16(), context, found).filter(({ value }) => value >= 0n);
    },
  );
}

/** Reads the members of a group; none for a group that does not exist. */
export function describeGroup(groupId: string): Exchange<readonly GroupMember[]> {
  const body = new ByteWriter().int32(1).string(groupId).int8(0);
  return exchange(
    { apiKey: 15, apiVersion: 4, name: 'DescribeGroups', right: onGroup('Describe', groupId) },
    body,
    (reader, context) => {
      const [group] = reader.array(() => {
        const errorCode = reader.int16();
        // The group, its state, the protocol and its strategy.
        for (let text = 0; text < 4; text += 1) reader.string();
        const members = reader.array(() => memberIn(reader));
        reader.int32();
        return { errorCode, members };
      });
      return group === undefined ? [] : checked(group.errorCode, context, group.members);
    },
  );
}

function memberIn(reader: ByteReader): GroupMember {
  const id = reader.string();
  reader.nullableString();
  reader.string();
  const host = reader.string();
  reader.bytes(reader.int32());
  const assigned = reader.bytes(reader.int32());
  return { id, host, partitions: orNone(() => decodeAssignment(assigned)) };
}

function onGroup(operation: 'Describe' | 'Read', name: string): Right {
  return { operation, on: 'group', name };
}

function memberOf(groupId: string, { generation, memberId }: Member): ByteWriter {
  return new ByteWriter().string(groupId).int32(generation).string(memberId);
}

function nothing(reader: ByteReader, context: ErrorContext): void {
  checked(reader.int16(), context, undefined);
}

/** Encodes the subscription of a member ("consumer" protocol type, version 0). */
export function encodeSubscription(topics: readonly string[]): Buffer {
  const body = new ByteWriter().int16(0).int32(topics.length);
  for (const topic of topics) body.string(topic);
  return body.int32(-1).finish();
}

/** Reads the topics of a member. One whose subscription cannot be read has none, and the others of its group go on. */
export function decodeSubscription(bytes: Buffer): readonly string[] {
  const reader = new ByteReader(bytes);
  return orNone(() => {
    reader.int16();
    return reader.array(() => reader.string());
  });
}

/** Returns a list that a member wrote, which brokers pass on unread; an empty one where it cannot be read. */
function orNone<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedBytes) return [];
    throw error;
  }
}

export function encodeAssignment(share: readonly Assignment[]): Buffer {
  const body = new ByteWriter().int16(0);
  writeTopics(body, share);
  return body.int32(-1).finish();
}

export function decodeAssignment(bytes: Buffer): readonly Assignment[] {
  // A member that joined after the leader's decision gets an empty assignment.
  if (bytes.length < 6) return [];
  const places = readTopics(new ByteReader(bytes, 2), () => undefined);
  return places.map(({ topic, partition }) => ({ topic, partition }));
}
