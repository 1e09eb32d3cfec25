import type { Assignment } from '../broker.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';

/** The two structures of the "consumer" protocol type, version 0: what a member wants, and what it is given. */
export function encodeSubscription(topics: readonly string[]): Buffer {
  const body = new ByteWriter().int16(0).int32(topics.length);
  for (const topic of topics) body.string(topic);
  return body.int32(-1).finish();
}

export function decodeSubscription(bytes: Buffer): readonly string[] {
  const reader = new ByteReader(bytes);
  reader.int16();
  return reader.array(() => reader.string());
}

export function encodeAssignment(share: readonly Assignment[]): Buffer {
  const byTopic = Map.groupBy(share, ({ topic }) => topic);
  const body = new ByteWriter().int16(0).int32(byTopic.size);
  for (const [topic, places] of byTopic) {
    body.string(topic).int32(places.length);
    for (const { partition } of places) body.int32(partition);
  }
  return body.int32(-1).finish();
}

export function decodeAssignment(bytes: Buffer): readonly Assignment[] {
  // A member that joined while the leader was not looking is given nothing at all.
  if (bytes.length < 6) return [];
  const reader = new ByteReader(bytes);
  reader.int16();
  return reader
    .array(() => {
      const topic = reader.string();
      return reader.array(() => ({ topic, partition: reader.int32() }));
    })
    .flat();
}
