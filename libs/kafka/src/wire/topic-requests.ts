import type { ByteReader, NewTopic } from '@convergekit/broker/engine';
import { ByteWriter } from './byte-writer.ts';
import type { Exchange } from './connection.ts';
import type { Right } from './errors.ts';
import { checked, exchange } from './exchange.ts';

/** The time the broker may take to create or delete a topic, in milliseconds. */
const WORK_MS = 10_000;
const timeoutMs = WORK_MS + 5_000;
const TOPIC = 2;

export function createTopic({
  name,
  partitions,
  replicationFactor = -1,
  config = {},
}: NewTopic): Exchange<void> {
  const body = new ByteWriter().int32(1).string(name).int32(partitions).int16(replicationFactor).int32(0);
  const entries = Object.entries(config);
  body.int32(entries.length);
  for (const [key, value] of entries) body.string(key).string(value);
  body.int32(WORK_MS).int8(0);
  return exchange(
    { apiKey: 19, apiVersion: 4, name: 'CreateTopics', timeoutMs, right: onTopic('Create', name) },
    body,
    (reader, context) => {
      reader.array(() => {
        reader.string();
        const errorCode = reader.int16();
        return checked(errorCode, context, undefined, reader.nullableString());
      });
    },
  );
}

export function deleteTopic(name: string): Exchange<void> {
  const body = new ByteWriter().int32(1).string(name).int32(WORK_MS);
  return exchange(
    { apiKey: 20, apiVersion: 3, name: 'DeleteTopics', timeoutMs, right: onTopic('Delete', name) },
    body,
    (reader, context) => {
      reader.array(() => {
        reader.string();
        return checked(reader.int16(), context, undefined);
      });
    },
  );
}

/** Reads settings of a topic by name. */
export function topicConfig(
  topic: string,
  names: readonly string[],
): Exchange<Readonly<Record<string, string>>> {
  const body = new ByteWriter().int32(1).int8(TOPIC).string(topic).int32(names.length);
  for (const name of names) body.string(name);
  body.int8(0);
  return exchange(
    { apiKey: 32, apiVersion: 2, name: 'DescribeConfigs', right: onTopic('DescribeConfigs', topic) },
    body,
    (reader, context) => {
      const resources = reader.array(() => {
        const errorCode = reader.int16();
        const said = reader.nullableString();
        reader.int8();
        reader.string();
        const entries = reader.array(() => configEntry(reader));
        return checked(errorCode, context, entries, said);
      });
      return Object.fromEntries(resources.flat());
    },
  );
}

function onTopic(operation: Right['operation'], name: string): Right {
  return { operation, on: 'topic', name };
}

function configEntry(reader: ByteReader): readonly [string, string] {
  const entry = [reader.string(), reader.nullableString() ?? ''] as const;
  // Read-only, source, sensitive; no synonyms were requested.
  reader.bytes(3);
  reader.array(() => [reader.string(), reader.nullableString(), reader.int8()]);
  return entry;
}
