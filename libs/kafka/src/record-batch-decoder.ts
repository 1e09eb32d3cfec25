import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { BrokerError, type IncomingRecord } from './broker.ts';
import { ByteReader } from './bytes.ts';
import { FetchedRecord } from './fetched-record.ts';

export interface DecodedRecords {
  readonly records: IncomingRecord[];
  /** Where to fetch next: past holes and control records too; undefined when no whole batch was there. */
  readonly nextOffset: bigint | undefined;
}

const HEADER_BEFORE_LENGTH_ENDS = 12;
const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const CONTROL = 0x20;

interface Place {
  readonly topic: string;
  readonly partition: number;
  /** Records below it are dropped: a broker answers with whole batches. */
  readonly from: bigint;
}

/** Decodes a fetched record set. A last batch that is cut off (by the fetch's size limit) is left for the next fetch. */
export function decodeRecordSet(set: Buffer, place: Place): DecodedRecords {
  const records: IncomingRecord[] = [];
  let nextOffset: bigint | undefined;
  let at = 0;
  while (at + HEADER_BEFORE_LENGTH_ENDS <= set.length) {
    const end = at + HEADER_BEFORE_LENGTH_ENDS + set.readInt32BE(at + 8);
    if (end > set.length) break;
    nextOffset = decodeBatch(set.subarray(at, end), place, records);
    at = end;
  }
  return { records, nextOffset };
}

function decodeBatch(batch: Buffer, place: Place, into: IncomingRecord[]): bigint {
  const baseOffset = batch.readBigInt64BE(0);
  if (batch.readInt8(16) !== 2) throw unreadable(place, baseOffset, 'its format is older than version 2');
  if (crc32c(batch.subarray(21)) !== batch.readUInt32BE(17))
    throw unreadable(place, baseOffset, 'its checksum is wrong');
  const attributes = batch.readInt16BE(21);
  const next = baseOffset + BigInt(batch.readInt32BE(23)) + 1n;
  if ((attributes & CONTROL) !== 0) return next;
  const baseTimestamp = Number(batch.readBigInt64BE(27));
  const fixedTimestamp = (attributes & LOG_APPEND_TIME) !== 0 ? Number(batch.readBigInt64BE(35)) : undefined;
  const body = decompress(batch.subarray(61), attributes & COMPRESSION_MASK, place, baseOffset);
  const reader = new ByteReader(body);
  for (let left = batch.readInt32BE(57); left > 0; left -= 1) {
    const end = reader.varint() + reader.position;
    reader.position += 1;
    const timestampMs = fixedTimestamp ?? baseTimestamp;
    const timestampDelta = reader.varint();
    const offset = baseOffset + BigInt(reader.varint());
    if (offset < place.from) {
      reader.position = end;
      continue;
    }
    into.push(
      new FetchedRecord(
        place,
        offset,
        fixedTimestamp === undefined ? timestampMs + timestampDelta : timestampMs,
        body.subarray(reader.position, end),
      ),
    );
    reader.position = end;
  }
  return next;
}

/** Our own producers never compress; other programs' records may be. Node brings gzip and zstd, and no more. */
function decompress(body: Buffer, codec: number, place: Place, baseOffset: bigint): Buffer {
  switch (codec) {
    case 0:
      return body;
    case 1:
      return gunzipSync(body);
    case 4:
      return zstdDecompressSync(body);
    default:
      throw unreadable(
        place,
        baseOffset,
        `it is compressed with ${codec === 2 ? 'snappy' : codec === 3 ? 'lz4' : `codec ${codec}`}, and this driver reads gzip and zstd only: set the topic's compression.type`,
      );
  }
}

function unreadable(place: Place, offset: bigint, why: string): BrokerError {
  return new BrokerError(
    `the record batch at ${place.topic}/${place.partition} offset ${offset} cannot be read: ${why}`,
    { code: 'RECORDS_UNREADABLE', kind: 'fatal', certainty: 'not_applied', ...place },
  );
}
