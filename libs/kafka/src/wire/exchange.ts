import { type Assignment, ByteReader } from '@convergekit/broker/engine';
import type { ByteWriter } from './byte-writer.ts';
import type { Exchange, Request } from './connection.ts';
import { OK } from './error-codes.ts';
import { type ErrorContext, protocolError, type Right } from './errors.ts';

export interface TopicPartition<T> extends Assignment {
  readonly value: T;
}

/**
 * Makes a request whose answer begins with the time for which the client is throttled. `right`: the one without which a
 * broker refuses it.
 */
export function exchange<T>(
  { right, ...request }: Omit<Request, 'body'> & { readonly right: Right },
  body: ByteWriter,
  read: (reader: ByteReader, context: ErrorContext) => T,
): Exchange<T> {
  return {
    ...request,
    body: [body.finish()],
    read: (payload, doing) => read(new ByteReader(payload, 4), { doing, right }),
  };
}

/** Returns the value; throws if the broker refused. */
export function checked<T>(
  errorCode: number,
  context: ErrorContext,
  value: T,
  said: string | null = null,
): T {
  if (errorCode === OK) return value;
  throw protocolError(errorCode, { ...context, ...(said === null ? {} : { said }) });
}

/** Writes topics with their partitions, as most requests contain them. */
export function writeTopics<Place extends Assignment>(
  body: ByteWriter,
  places: readonly Place[],
  each: (place: Place) => void = () => undefined,
): void {
  const byTopic = Map.groupBy(places, ({ topic }) => topic);
  body.int32(byTopic.size);
  for (const [topic, partitions] of byTopic) {
    body.string(topic).int32(partitions.length);
    for (const place of partitions) {
      body.int32(place.partition);
      each(place);
    }
  }
}

export function readTopics<T>(
  reader: ByteReader,
  each: (topic: string, partition: number) => T,
): readonly TopicPartition<T>[] {
  return reader
    .array(() => {
      const topic = reader.string();
      return reader.array(() => {
        const partition = reader.int32();
        return { topic, partition, value: each(topic, partition) };
      });
    })
    .flat();
}
