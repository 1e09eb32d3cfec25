import {
  type Assignment,
  type BrokerError,
  ByteReader,
  type Fetched,
  type FetchWant,
  type Isolation,
  partitionId,
  partitionMissing,
} from '@convergekit/broker/engine';
import { ByteWriter } from './byte-writer.ts';
import { DecodeBudget } from '../codec/decode-budget.ts';
import { decodeRecordSet } from '../codec/record-set.ts';
import type { AbortedTransaction } from '../codec/transactions.ts';
import type { Request } from './connection.ts';
import { OK, UNKNOWN_TOPIC } from './error-codes.ts';
import { protocolError } from './errors.ts';
import { readTopics, writeTopics } from './exchange.ts';

/** The least limit of a whole fetch, whatever the limits of its partitions. */
const MIN_FETCH_BYTES = 8 * 1_048_576;

/** What a fetch asks, and of which session. */
export interface FetchAsked {
  readonly sessionId: number;
  /** 0: a full request that begins a session · -1: a full request without one · else the session's next request. */
  readonly epoch: number;
  readonly wants: readonly FetchWant[];
  /** Partitions that leave the session. */
  readonly forgotten: readonly Assignment[];
  /** The largest answer of one partition, in bytes. */
  readonly maxBytes: number;
}

/** Asks once, without a session. */
export function askedOnce(wants: readonly FetchWant[]): FetchAsked {
  return { sessionId: 0, epoch: -1, wants, forgotten: [], maxBytes: largestOf(wants) };
}

export function largestOf(wants: readonly FetchWant[]): number {
  return wants.reduce((max, { maxBytes }) => Math.max(max, maxBytes), 0);
}

/** Fetch, version 11. */
export function fetchRequest(asked: FetchAsked, maxWaitMs: number, isolation: Isolation): Request {
  const level = isolation === 'committed' ? 1 : 0;
  const body = new ByteWriter().int32(-1).int32(maxWaitMs).int32(1);
  body.int32(Math.max(asked.maxBytes, MIN_FETCH_BYTES));
  body.int8(level).int32(asked.sessionId).int32(asked.epoch);
  const runs = runsByTopic(asked.wants);
  body.int32(runs.length);
  for (const run of runs) {
    body.string(run[0]?.topic ?? '').int32(run.length);
    for (const { partition, offset, maxBytes } of run)
      body.int32(partition).int32(-1).int64(offset).int64(-1n).int32(maxBytes);
  }
  writeTopics(body, asked.forgotten);
  body.string('');
  return { apiKey: 1, apiVersion: 11, name: 'Fetch', body: [body.finish()] };
}

/** Groups adjacent wants of one topic in the given order, in which a broker fills its answer. */
function runsByTopic(wants: readonly FetchWant[]): FetchWant[][] {
  const runs: FetchWant[][] = [];
  for (const want of wants) {
    const last = runs.at(-1);
    if (last?.[0]?.topic === want.topic) last.push(want);
    else runs.push([want]);
  }
  return runs;
}

/** Reads how a broker sees the session of a fetch. */
export function sessionIn(payload: Buffer) {
  const reader = new ByteReader(payload);
  return { throttledMs: reader.int32(), errorCode: reader.int16(), sessionId: reader.int32() };
}

/** Decodes an answer, one partition after the other. The event loop turns meanwhile. */
export async function fetchResponse(
  payload: Buffer,
  wants: readonly FetchWant[],
  maxBatchBytes?: number,
): Promise<readonly Fetched[]> {
  const budget = new DecodeBudget(maxBatchBytes);
  const asked = new Map(wants.map((want) => [partitionId(want.topic, want.partition), want]));
  const reader = new ByteReader(payload);
  reader.int32();
  const errorCode = reader.int16();
  if (errorCode !== OK) throw protocolError(errorCode, { doing: 'fetching' });
  reader.int32();
  const fetched: Fetched[] = [];
  for (const { topic, partition, value } of readTopics(reader, () => partitionAnswer(reader))) {
    const want = asked.get(partitionId(topic, partition));
    if (want !== undefined) fetched.push(await fetchedOf(value, want, budget));
  }
  return fetched;
}

/** What a broker answers for one partition, its records still encoded. */
interface PartitionAnswer {
  readonly errorCode: number;
  readonly highWatermark: bigint;
  readonly aborted: readonly AbortedTransaction[];
  readonly set: Buffer;
}

function partitionAnswer(reader: ByteReader): PartitionAnswer {
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  reader.bytes(16);
  const aborted = reader.array((): AbortedTransaction => ({
    producerId: reader.int64(),
    firstOffset: reader.int64(),
  }));
  reader.int32();
  const length = reader.int32();
  const set = reader.bytes(Math.max(length, 0));
  return { errorCode, highWatermark, aborted, set };
}

async function fetchedOf(
  { errorCode, highWatermark, aborted, set }: PartitionAnswer,
  want: FetchWant,
  budget: DecodeBudget,
): Promise<Fetched> {
  const { topic, partition } = want;
  if (errorCode !== OK) return { ok: false, topic, partition, error: fetchError(errorCode, want) };
  const place = { topic, partition, from: want.offset };
  const decoded = await decodeRecordSet(set, place, { aborted, budget });
  const { records, bytes, nextOffset = want.offset, damaged } = decoded;
  // A broker reads the mark before the records, and may send some that were appended meanwhile.
  const end = nextOffset > highWatermark ? nextOffset : highWatermark;
  return { ok: true, topic, partition, records, bytes, nextOffset, highWatermark: end, damaged };
}

/** The error of one partition. A missing topic is retried: it may be new to this broker, or created again. */
function fetchError(errorCode: number, want: FetchWant): BrokerError {
  if (errorCode === UNKNOWN_TOPIC) return partitionMissing(want);
  const { topic, partition, offset } = want;
  const doing = `reading ${topic}/${partition} at offset ${offset}`;
  const right = { operation: 'Read', on: 'topic', name: topic } as const;
  return protocolError(errorCode, { doing, topic, partition, right });
}
