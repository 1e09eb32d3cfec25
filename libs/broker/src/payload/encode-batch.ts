import { messageOf } from '@convergekit/core/engine';
import { BrokerError, type IncomingRecord, type OutgoingBatch, type OutgoingRecord } from '../broker.ts';
import { encodeRecordBatch } from '../batch/encode-record-batch.ts';
import { decodeSealed } from '../batch/record-decoder.ts';
import { CodecUnavailable, type PayloadCodec, type PayloadOf } from './payload-codec.ts';

/** Returns the batch with encoded payloads. Rejects with a BrokerError; nothing was sent then. */
export async function encodeBatch(codec: PayloadCodec, batch: OutgoingBatch): Promise<OutgoingBatch> {
  const { topic, partition } = batch;
  const records: OutgoingRecord[] = [];
  try {
    for (const record of recordsOf(batch)) records.push(await encodeRecord(codec, topic, record));
  } catch (error) {
    throw errorOf(error, topic, partition);
  }
  return { topic, partition, records: { length: records.length, bytes: encodeRecordBatch(records) } };
}

function recordsOf({ topic, partition, records }: OutgoingBatch): readonly OutgoingRecord[] {
  return 'bytes' in records ? decodeSealed(records, topic, partition).map(outgoing) : records;
}

function outgoing({ key, value, headers, timestampMs }: IncomingRecord): OutgoingRecord {
  return {
    key: key?.toString('utf8') ?? null,
    value,
    headers: headers.map(([name, text]) => [name, text?.toString('utf8') ?? ''] as const),
    timestampMs,
  };
}

async function encodeRecord(
  codec: PayloadCodec,
  topic: string,
  record: OutgoingRecord,
): Promise<OutgoingRecord> {
  const { value } = record;
  const of = payloadOf(topic, record.headers);
  if (value === null || of === undefined) return record;
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return codec.owns(bytes) ? record : { ...record, value: await codec.encode(bytes, of) };
}

/** Reads type and version of an event, as the relay writes them; undefined for other records. */
function payloadOf(topic: string, headers: OutgoingRecord['headers']): PayloadOf | undefined {
  const named = new Map(headers);
  const type = named.get('ce_type');
  const [, version] = /:(\d+)$/.exec(named.get('ce_dataschema') ?? '') ?? [];
  if (type === undefined) return undefined;
  return { topic, type, version: Number(version ?? 1) };
}

function errorOf(error: unknown, topic: string, partition: number): BrokerError {
  const why = messageOf(error);
  const place = { topic, partition, certainty: 'not_applied', cause: error } as const;
  if (error instanceof CodecUnavailable)
    return new BrokerError(`nothing was sent to ${topic}/${partition}: ${why}`, {
      ...place,
      code: 'CODEC_UNAVAILABLE',
      kind: 'retry',
    });
  return new BrokerError(
    `nothing was sent to ${topic}/${partition}: the codec does not take a payload: ${why}. Register a schema that fits the events of this version, or leave the codec out`,
    { ...place, code: 'PAYLOAD_NOT_ENCODABLE', kind: 'halt_topic' },
  );
}
