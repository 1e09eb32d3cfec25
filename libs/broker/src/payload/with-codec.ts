import { systemClock } from '@convergekit/core';
import {
  type Admin,
  type Broker,
  BrokerError,
  type ConsumerHandlers,
  type IncomingBatch,
  type OutgoingBatch,
  type PartitionControl,
  type Producer,
  type SendResult,
} from '../broker.ts';
import { errorAt } from '../errors.ts';
import { delayMs } from '../group/backoff.ts';
import type { Log } from '../group/link.ts';
import { decodeRecord, decodeRecords, type OnUndecodable } from './decode-records.ts';
import { encodeBatch } from './encode-batch.ts';
import { CodecUnavailable, type PayloadCodec } from './payload-codec.ts';

export interface WithCodecOptions {
  /** Receives records that cannot be decoded, and the outages of the codec. @default nothing is logged */
  readonly log?: Log;
}

/**
 * Wraps a broker: payloads of events are encoded before they are sent, and decoded before they are delivered or read. While
 * the codec is unavailable, sends fail to be repeated, and a batch waits. A batch may grow by what the codec adds.
 * @example
 * ```ts
 * import { type PayloadCodec, withCodec } from 'convergekit/kafka';
 * import { gunzipSync, gzipSync } from 'node:zlib';
 * import { broker } from './shop.ts';
 *
 * const gzip: PayloadCodec = {
 *   encode: (json) => Promise.resolve(gzipSync(json)),
 *   owns: (bytes) => bytes[0] === 0x1f,
 *   decode: (bytes) => Promise.resolve(gunzipSync(bytes)),
 * };
 * export const zipped = withCodec(broker, gzip);
 * ```
 */
export function withCodec(broker: Broker, codec: PayloadCodec, options: WithCodecOptions = {}): Broker {
  const { log } = options;
  const onUndecodable: OnUndecodable = ({ topic, partition, offset }, error) =>
    log?.('warn', 'the codec cannot decode a record', {
      topic,
      partition,
      offset: String(offset),
      err: error,
    });
  return {
    driver: broker.driver,
    close: () => broker.close(),
    producer: async () => encoding(await broker.producer(), codec),
    admin: async () => decoding(await broker.admin(), codec, onUndecodable),
    consumer: (given) =>
      broker.consumer({ ...given, handlers: handlersWith(given.handlers, codec, onUndecodable, options) }),
  };
}

function encoding(producer: Producer, codec: PayloadCodec): Producer {
  return {
    close: () => producer.close(),
    send: async (batches, timeoutMs) => {
      const encoded = await encodeAll(codec, batches);
      const sound = encoded.flatMap((one) => (one instanceof BrokerError ? [] : [one]));
      const sent = await producer.send(sound, timeoutMs);
      let at = 0;
      return encoded.map((one, index): SendResult => {
        const { topic = '', partition = 0 } = batches[index] ?? {};
        const result = one instanceof BrokerError ? undefined : sent[at++];
        return result ?? { topic, partition, ok: false, error: one as BrokerError };
      });
    },
  };
}

/** Encodes batches. A batch behind a failed one of its partition fails as well, because it must not overtake. */
async function encodeAll(
  codec: PayloadCodec,
  batches: readonly OutgoingBatch[],
): Promise<readonly (OutgoingBatch | BrokerError)[]> {
  const failed = new Map<string, BrokerError>();
  const encoded: (OutgoingBatch | BrokerError)[] = [];
  for (const batch of batches) {
    const place = `${batch.topic}/${batch.partition}`;
    const before = failed.get(place);
    const one =
      before === undefined
        ? await encodeBatch(codec, batch).catch((error: unknown) => error as BrokerError)
        : errorAt(before, batch);
    if (one instanceof BrokerError) failed.set(place, one);
    encoded.push(one);
  }
  return encoded;
}

function handlersWith(
  handlers: ConsumerHandlers,
  codec: PayloadCodec,
  onUndecodable: OnUndecodable,
  options: WithCodecOptions,
): ConsumerHandlers {
  return {
    ...handlers,
    batch: async (batch, control) => {
      const decoded = await decodeWhenAvailable(codec, batch, control, onUndecodable, options);
      if (decoded === undefined) control.seek(batch.records[0]?.offset ?? 'earliest');
      else await handlers.batch(decoded, control);
    },
  };
}

/** Decodes a batch, again and again while the codec is unavailable. undefined: the partition was lost meanwhile. */
async function decodeWhenAvailable(
  codec: PayloadCodec,
  batch: IncomingBatch,
  { signal }: PartitionControl,
  onUndecodable: OnUndecodable,
  { log }: WithCodecOptions,
): Promise<IncomingBatch | undefined> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const records = await decodeRecords(codec, batch.records, onUndecodable).catch((error: unknown) => {
      if (!(error instanceof CodecUnavailable)) throw error;
      const { topic, partition } = batch;
      log?.('warn', 'a batch waits for the codec', { topic, partition, err: error });
      return undefined;
    });
    if (records !== undefined) return { ...batch, records };
    await systemClock.sleep(delayMs(attempt), signal);
  }
  return undefined;
}

function decoding(admin: Admin, codec: PayloadCodec, onUndecodable: OnUndecodable): Admin {
  return {
    describeTopic: (topic) => admin.describeTopic(topic),
    createTopic: (topic) => admin.createTopic(topic),
    deleteTopic: (topic) => admin.deleteTopic(topic),
    logEnds: (topic) => admin.logEnds(topic),
    partitionEnds: (topic) => admin.partitionEnds(topic),
    committed: (groupId, topic) => admin.committed(groupId, topic),
    members: (groupId) => admin.members(groupId),
    close: () => admin.close(),
    async *read(...given) {
      for await (const record of admin.read(...given)) yield await decodeRecord(codec, record, onUndecodable);
    },
  };
}
