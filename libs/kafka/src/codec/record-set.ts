import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import {
  BATCH_OVERHEAD,
  decodeRecords,
  type IncomingRecord,
  type Place,
  type UndecodableBatch,
} from '@convergekit/broker/engine';
import { decompress } from './decompress.ts';
import { TooLarge } from './too-large.ts';
import { Transactions, type AbortedTransaction } from './transactions.ts';

export interface DecodedRecords {
  readonly records: IncomingRecord[];
  /** Where to fetch next: past holes, control records and aborted ones too; undefined when no whole batch was there. */
  readonly nextOffset: bigint | undefined;
  /** The one record is a batch with a wrong checksum: fetched again, it may be whole. */
  readonly damaged: boolean;
}

export interface DecodeOptions {
  /** Transactions whose records are left out, as the broker named them. @default none */
  readonly aborted?: readonly AbortedTransaction[];
  /** How much compressed batches may become. @default one of 64 MiB */
  readonly budget?: DecodeBudget;
}

/** Bounds what the compressed batches of one fetch become: each by itself, and about as much for all of them. */
export class DecodeBudget {
  readonly maxBatchBytes: number;
  #left: number;

  constructor(maxBatchBytes = MAX_BATCH_BYTES) {
    this.maxBatchBytes = maxBatchBytes;
    this.#left = maxBatchBytes;
  }

  /** What is not decoded any more is left for the next fetch. */
  get spent(): boolean {
    return this.#left <= 0;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
  }
}

export const MAX_BATCH_BYTES = 67_108_864;
const HEADER_BEFORE_LENGTH_ENDS = 12;
/** The smallest message of the formats before batches: nothing in a log is shorter. */
const SHORTEST = 14;
const COMPRESSION_MASK = 0x07;
const CONTROL = 0x20;

/**
 * Decodes a fetched record set. A last batch that is cut off (by the fetch's size limit) is left for the next fetch. A
 * batch that cannot be decoded is one record, at its last offset (`IncomingRecord.undecodable`). Never throws, and every
 * whole batch moves `nextOffset` on, whatever its bytes.
 */
export function decodeRecordSet(set: Buffer, place: Place, options: DecodeOptions = {}): DecodedRecords {
  const { aborted = [], budget = new DecodeBudget() } = options;
  const transactions = new Transactions(aborted);
  const records: IncomingRecord[] = [];
  let nextOffset: bigint | undefined;
  let at = 0;
  while (at + HEADER_BEFORE_LENGTH_ENDS <= set.length && !budget.spent) {
    const length = set.readInt32BE(at + 8);
    // No log holds anything as short: where the next batch begins is not known, so the rest is one that is damaged.
    const end = length < SHORTEST ? set.length : at + HEADER_BEFORE_LENGTH_ENDS + length;
    if (end > set.length) break;
    const batch = set.subarray(at, end);
    at = end;
    const damage = length < SHORTEST ? BROKEN : damageOf(batch);
    const last = lastOffsetOf(batch, place, damage);
    if (last < place.from) continue;
    if (damage?.again === true && nextOffset !== undefined) break;
    nextOffset = last + 1n;
    if (damage === undefined) decodeBatch(batch, { place, last, transactions, budget }, records);
    else {
      records.push(undecodable(batch, place, last, damage.why));
      if (damage.again) return { records, nextOffset, damaged: true };
    }
  }
  return { records, nextOffset, damaged: false };
}

interface Damage {
  readonly why: string;
  /** Fetched again it may be whole. */
  readonly again: boolean;
}

const BROKEN: Damage = { why: "its length is no batch's", again: true };

/**
 * Never below what was asked for by a batch that contradicts itself: the next fetch must begin further on. Of what is
 * damaged only a number of offsets that its number of records confirms is believed: the next fetch skips that many.
 */
function lastOffsetOf(batch: Buffer, { from }: Place, damage: Damage | undefined): bigint {
  const base = batch.readBigInt64BE(0);
  const first = base < from ? from : base;
  if (!isBatch(batch)) return first;
  const delta = batch.readInt32BE(23);
  const believed = damage === undefined || delta + 1 === batch.readInt32BE(57);
  return delta < 0 || !believed ? first : base + BigInt(delta);
}

function isBatch(batch: Buffer): boolean {
  return batch.length >= BATCH_OVERHEAD && batch.readInt8(16) === 2;
}

function damageOf(batch: Buffer): Damage | undefined {
  if (!isBatch(batch)) return { why: 'its format is older than version 2', again: false };
  if (crc32c(batch.subarray(21)) === batch.readUInt32BE(17)) return undefined;
  return { why: 'its checksum is wrong', again: true };
}

interface Decoding {
  readonly place: Place;
  readonly last: bigint;
  readonly transactions: Transactions;
  readonly budget: DecodeBudget;
}

function decodeBatch(batch: Buffer, decoding: Decoding, into: IncomingRecord[]): void {
  const { place, last, transactions, budget } = decoding;
  const attributes = batch.readInt16BE(21);
  if ((attributes & CONTROL) !== 0) return transactions.ended(batch);
  if (transactions.isAborted(batch, attributes, last)) return;
  try {
    const codec = attributes & COMPRESSION_MASK;
    const body = decompress(batch.subarray(BATCH_OVERHEAD), codec, budget.maxBatchBytes);
    if (codec !== 0) budget.spend(body.length);
    for (const record of decodeRecords(batch, body, place, last)) into.push(record);
  } catch (error) {
    // It cost what it was allowed to cost before that was known.
    if (error instanceof TooLarge) budget.spend(budget.maxBatchBytes);
    into.push(undecodable(batch, place, last, error instanceof Error ? error.message : String(error)));
  }
}

/** A batch as one record: what a consumer needs to account for it, and its bytes, to be read by other means. */
function undecodable(batch: Buffer, { topic, partition, from }: Place, last: bigint, why: string) {
  const base = batch.readBigInt64BE(0);
  const found: UndecodableBatch = {
    firstOffset: base < from || base > last ? from : base,
    lastOffset: last,
    sha256: createHash('sha256').update(batch).digest('hex'),
    why,
  };
  const timestampMs = isBatch(batch) ? Number(batch.readBigInt64BE(35)) : -1;
  return {
    topic,
    partition,
    offset: last,
    timestampMs,
    key: null,
    value: batch,
    headers: [],
    undecodable: found,
  };
}
