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
    return new DecodedRecord(record, Buffer.from(await codec.decode(value)));
  } catch (error) {
    if (error instanceof CodecUnavailable) throw error;
    onUndecodable(record, error);
    return record;
  }
}

function isEvent({ headers }: IncomingRecord): boolean {
  return headers.some(([name]) => name === 'ce_type');
}

/** A record with another value. Its headers are still decoded on access: those of a whole fetch would not fit in memory. */
class DecodedRecord implements IncomingRecord {
  readonly value: Buffer;
  readonly #record: IncomingRecord;

  constructor(record: IncomingRecord, value: Buffer) {
    this.#record = record;
    this.value = value;
  }

  get topic(): string {
    return this.#record.topic;
  }

  get partition(): number {
    return this.#record.partition;
  }

  get offset(): bigint {
    return this.#record.offset;
  }

  get timestampMs(): number {
    return this.#record.timestampMs;
  }

  get key(): Buffer | null {
    return this.#record.key;
  }

  get headers(): IncomingRecord['headers'] {
    return this.#record.headers;
  }

  get headerTexts(): IncomingRecord['headerTexts'] {
    return this.#record.headerTexts;
  }
}
