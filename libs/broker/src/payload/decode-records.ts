import type { IncomingRecord } from '../broker.ts';
import { CodecUnavailable, type PayloadCodec } from './payload-codec.ts';

/** Called for a record that its codec cannot decode. */
export type OnUndecodable = (record: IncomingRecord, error: unknown) => void;

/**
 * Returns the records with payloads in JSON. One that cannot be decoded stays as it is: its consumer finds no JSON and makes
 * it a dead letter. Rejects with CodecUnavailable.
 */
export async function decodeRecords(
  codec: PayloadCodec,
  records: readonly IncomingRecord[],
  onUndecodable: OnUndecodable,
): Promise<readonly IncomingRecord[]> {
  const decoded: IncomingRecord[] = [];
  for (const record of records) decoded.push(await decodeRecord(codec, record, onUndecodable));
  return decoded;
}

export async function decodeRecord(
  codec: PayloadCodec,
  record: IncomingRecord,
  onUndecodable: OnUndecodable,
): Promise<IncomingRecord> {
  const { value } = record;
  if (value === null || record.undecodable !== undefined || !codec.owns(value) || !isEvent(record))
    return record;
  try {
    return withValue(record, Buffer.from(await codec.decode(value)));
  } catch (error) {
    if (error instanceof CodecUnavailable) throw error;
    onUndecodable(record, error);
    return record;
  }
}

function isEvent({ headers }: IncomingRecord): boolean {
  return headers.some(([name]) => name === 'ce_type');
}

/** Copies a record by its fields: those of a fetched one are computed. */
function withValue(record: IncomingRecord, value: Buffer): IncomingRecord {
  const { topic, partition, offset, timestampMs, key, headers, headerTexts } = record;
  const copied = { topic, partition, offset, timestampMs, key, value, headers };
  return headerTexts === undefined ? copied : { ...copied, headerTexts };
}
