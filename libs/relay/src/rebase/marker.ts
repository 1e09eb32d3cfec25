import {
  CONTENT_TYPE,
  formatPosition,
  KIT_TYPES,
  signatureHeader,
  type SigningKey,
  SPEC_VERSION,
  WIRE,
} from '@convergekit/contracts/engine';
import { type Broker, type OutgoingRecord, partitionId } from '@convergekit/broker/engine';
import { type Clock, newUuidV7 } from '@convergekit/core';
import type { Source } from '@convergekit/outbox/engine';
import type { PartitionPlan } from './plan.ts';

/** A partition with the last position of the earlier epochs, as far as known when the marker is written. */
type Marker = Pick<PartitionPlan, 'cursor' | 'prev'>;

export interface MarkedEpoch {
  readonly source: Source;
  readonly epoch: number;
  readonly forkedTick: bigint;
  readonly reason: string;
  /** The signing key of a source that signs. */
  readonly signing: SigningKey | undefined;
}

/**
 * The nonce of tick 0 of an epoch, which is no window: it lies below every event of the epoch, and above everything
 * older.
 */
const MARKER_NONCE = '0'.repeat(16);
const ATTEMPTS = 20;

/**
 * Writes a marker to each partition and returns their offsets. A consumer that has read it knows that later records of
 * an older epoch come from a primary that should be stopped. A marker that is written twice does no harm. `atMs` is the time of the
 * database: brokers refuse records of a clock that is ahead, and remove those of one that is behind.
 */
export async function writeMarkers(
  broker: Broker,
  marked: MarkedEpoch,
  markers: readonly Marker[],
  { clock, atMs }: { readonly clock: Clock; readonly atMs: number },
): Promise<ReadonlyMap<string, bigint>> {
  const offsets = new Map<string, bigint>();
  let left = markers;
  for (let attempt = 1; left.length > 0; attempt += 1) {
    const producer = await broker.producer();
    try {
      const results = await producer.send(
        left.map((marker) => {
          const { topic, partition } = marker.cursor;
          return { topic, partition, records: [recordOf(marked, marker, atMs)] };
        }),
      );
      for (const result of results) {
        if (result.ok) offsets.set(partitionId(result.topic, result.partition), result.baseOffset);
        else if (result.error.kind !== 'retry' || attempt === ATTEMPTS) throw result.error;
      }
    } finally {
      await producer.close();
    }
    left = left.filter(({ cursor: { topic, partition } }) => !offsets.has(partitionId(topic, partition)));
    if (left.length > 0) await clock.sleep(100 * attempt);
  }
  return offsets;
}

function recordOf(
  { source, epoch, forkedTick, reason, signing }: MarkedEpoch,
  { cursor: { topic, partition }, prev }: Marker,
  timestampMs: number,
): OutgoingRecord {
  const record: OutgoingRecord & { readonly value: string } = {
    key: null,
    value: JSON.stringify({ epoch, forkedTick: forkedTick.toString(), reason }),
    timestampMs,
    headers: [
      [WIRE.specVersion, SPEC_VERSION],
      [WIRE.id, newUuidV7()],
      [WIRE.source, source.name],
      [WIRE.sourceId, source.id],
      [WIRE.type, KIT_TYPES.epochMarker],
      [WIRE.time, new Date(timestampMs).toISOString()],
      [WIRE.position, formatPosition({ epoch, tick: 0n, id: 0n }, MARKER_NONCE)],
      [WIRE.prev, formatPosition(prev)],
      [WIRE.contentType, CONTENT_TYPE],
    ],
  };
  if (signing === undefined) return record;
  const headers = record.headers.map(([name, value]) => [name, Buffer.from(value)] as const);
  const signed = { topic, partition, key: null, value: Buffer.from(record.value), headers };
  return { ...record, headers: [...record.headers, signatureHeader(signing, signed)] };
}
