import { crc32c } from '@node-rs/crc32';
import {
  BATCH_OVERHEAD,
  decodeRecords,
  type IncomingRecord,
  isBatch,
  type Place,
  recordCount,
  undecodable,
} from '@convergekit/broker/engine';
import { messageOf } from '@convergekit/core/engine';
import { DecodeBudget, TooLarge } from './decode-budget.ts';
import { decompress } from './decompress.ts';
import { Transactions, type AbortedTransaction } from './transactions.ts';

export interface DecodedRecords {
  readonly records: IncomingRecord[];
  /** The size of the records, decompressed. */
  readonly bytes: number;
  /** The offset of the next fetch, past holes, control records and aborted records. undefined without a whole batch. */
  readonly nextOffset: bigint | undefined;
  /** The only record is a batch with a wrong checksum: another fetch may bring it whole. */
  readonly damaged: boolean;
}

export interface DecodeOptions {
  /** Aborted transactions, whose records are left out. @default none */
  readonly aborted?: readonly AbortedTransaction[];
  /** What may still be decoded. @default the budget of one fetch */
  readonly budget?: DecodeBudget;
}

const HEADER_BEFORE_LENGTH_ENDS = 12;
/** The smallest message of the formats before batches, the shortest content of a log. */
const SHORTEST = 14;
const COMPRESSION_MASK = 0x07;
const CONTROL = 0x20;

/**
 * Decodes a fetched record set. A last batch that is cut off (by the fetch's size limit) is left for the next fetch, and
 * so is what exceeds the budget. A batch that cannot be decoded is one record, at its last offset
 * (`IncomingRecord.undecodable`). Never rejects, and every whole batch moves `nextOffset` on, whatever its bytes.
 */
export async function decodeRecordSet(
  set: Buffer,
  place: Place,
  options: DecodeOptions = {},
): Promise<DecodedRecords> {
  const { aborted = [], budget = new DecodeBudget() } = options;
  const transactions = new Transactions(aborted);
  const records: IncomingRecord[] = [];
  let bytes = 0;
  let nextOffset: bigint | undefined;
  let at = 0;
  while (at + HEADER_BEFORE_LENGTH_ENDS <= set.length && !budget.spent) {
    const length = set.readInt32BE(at + 8);
    // A length too short for any message hides the begin of the next batch, so the rest is one damaged batch.
    const end = length < SHORTEST ? set.length : at + HEADER_BEFORE_LENGTH_ENDS + length;
    if (end > set.length) break;
    const batch = set.subarray(at, end);
    at = end;
    const damage = length < SHORTEST ? BROKEN : damageOf(batch);
    const last = lastOffsetOf(batch, place, damage);
    if (last < place.from) continue;
    if (damage?.again === true && nextOffset !== undefined) break;
    if (damage === undefined && !budget.fits(batch.readInt32BE(57))) break;
    nextOffset = last + 1n;
    if (damage === undefined) bytes += decodeBatch(batch, { place, last, transactions, budget }, records);
    else {
      records.push(undecodable(batch, place, last, damage.why));
      bytes += batch.length;
      budget.spend({ records: 1, bytes: 0, work: batch.length });
      if (damage.again) return { records, bytes, nextOffset, damaged: true };
    }
    if (budget.isPauseDue) await budget.pause();
  }
  return { records, bytes, nextOffset, damaged: false };
}

interface Damage {
  readonly why: string;
  /** True when another fetch may return the batch undamaged. */
  readonly again: boolean;
}

const BROKEN: Damage = { why: "its length is no batch's", again: true };

/**
 * Returns the last offset of a batch, never below the wanted one: the next fetch must advance. A damaged batch is
 * trusted only if its number of offsets equals its number of records.
 */
function lastOffsetOf(batch: Buffer, { from }: Place, damage: Damage | undefined): bigint {
  const base = batch.readBigInt64BE(0);
  const first = base < from ? from : base;
  if (!isBatch(batch)) return first;
  const delta = batch.readInt32BE(23);
  const trusted = damage === undefined || delta + 1 === batch.readInt32BE(57);
  return delta < 0 || !trusted ? first : base + BigInt(delta);
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

/** Decodes a batch and returns the size of its records. */
function decodeBatch(batch: Buffer, decoding: Decoding, into: IncomingRecord[]): number {
  const { place, last, transactions, budget } = decoding;
  const attributes = batch.readInt16BE(21);
  if ((attributes & CONTROL) !== 0) {
    transactions.ended(batch);
    return 0;
  }
  if (transactions.isAborted(batch, attributes, last)) return 0;
  try {
    const records = recordCount(batch);
    const codec = attributes & COMPRESSION_MASK;
    const body = decompress(batch.subarray(BATCH_OVERHEAD), codec, budget.maxBatchBytes);
    budget.spend({ records, bytes: codec === 0 ? 0 : body.length, work: body.length });
    for (const record of decodeRecords(batch, body, place, last)) into.push(record);
    return body.length;
  } catch (error) {
    // The attempt may have cost the whole bound.
    const bytes = error instanceof TooLarge ? budget.maxBatchBytes : 0;
    budget.spend({ records: 1, bytes, work: batch.length + bytes });
    into.push(undecodable(batch, place, last, messageOf(error)));
    return batch.length;
  }
}
