import type { Assignment, BrokerError, GroupMember, IncomingRecord, LogEnds, NewTopic } from '../broker.ts';
import type { PlaceOffset } from '../group/link.ts';
import type { GroupChange, GroupState } from './join-decision.ts';

export interface KnownTopic {
  readonly id: string;
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

/** A place of the log to read from. Records below `offset` are left out. */
export interface StoreWant extends PlaceOffset {
  readonly topicId: string;
  readonly maxBytes: number;
}

/** A partition at one moment; undefined when it does not exist. */
export type StoreFound =
  | {
      readonly start: bigint;
      readonly end: bigint;
      readonly records: readonly IncomingRecord[];
      readonly bytes: number;
      /** The offset behind the records. */
      readonly nextOffset: bigint;
    }
  | undefined;

export interface StoreCommit {
  readonly groupId: string;
  readonly memberId: string;
  readonly generation: number;
  readonly offsets: readonly (PlaceOffset & { readonly topicId: string })[];
}

export type HeartbeatAnswer = 'member' | 'rebalance' | 'lost';

/**
 * The statements of one client to a log that one server keeps: the local log in Postgres, and the log in memory. Each is
 * atomic, and rejects with a BrokerError. Notifications of appends and of changes of groups are hints (`WakeUps`).
 */
export interface LogStore {
  /** Returns the topics that exist, by name. */
  findTopics(names: readonly string[]): Promise<ReadonlyMap<string, KnownTopic>>;
  /** Returns false when the topic existed. */
  createTopic(topic: NewTopic): Promise<boolean>;
  deleteTopic(name: string): Promise<void>;
  /** Rejects when the topic does not exist. */
  readEnds(topic: string): Promise<readonly LogEnds[]>;
  /** Reads the given places. The answers are in the order of the wants. */
  fetch(wants: readonly StoreWant[]): Promise<readonly StoreFound[]>;
  makeGroup(groupId: string): Promise<void>;
  /** Reads a group for a member that joins or waits; undefined when the group does not exist. */
  readGroup(groupId: string, memberId: string, topics: readonly string[]): Promise<GroupState | undefined>;
  /** Writes a change. Returns false when the group has changed since it was read. */
  changeGroup(groupId: string, version: bigint, change: GroupChange): Promise<boolean>;
  heartbeat(groupId: string, memberId: string, generation: number): Promise<HeartbeatAnswer>;
  leave(groupId: string, memberId: string): Promise<void>;
  /** Returns false when the membership has ended. */
  commitOffsets(commit: StoreCommit): Promise<boolean>;
  readCommitted(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  readMembers(groupId: string): Promise<readonly GroupMember[]>;
  close(): void;
}

/** Notifications of a log. They are hints: readers poll as well, often while `isLive` is false. */
export interface WakeUps {
  readonly isLive: boolean;
  /** Resolves at the next notification of one of the subjects, or when `signal` aborts. A subject is a topic's id or a group. */
  next(subjects: readonly string[], signal: AbortSignal): Promise<void>;
}

/** The subject of changes of a group. */
export function groupSubject(groupId: string): string {
  return `group:${groupId}`;
}

/** The server that serves the partitions: one for all. Tests of the port take it away and move it. */
export interface Leadership {
  /** Returns the number of the server that a look-up finds now; undefined while none serves. */
  lookUp(): number | undefined;
  /** Returns the error of a request for a partition that is not served. */
  refusalOf(place: Assignment): BrokerError | undefined;
}

export const oneServer: Leadership = { lookUp: () => 0, refusalOf: () => undefined };
