import type { KafkaTools } from '@convergekit/testing/engine';
import type { LogRecord } from '../audit/facts.ts';
import { formatterProperties, parseLine, recordsPerTopic } from './parse-dump.ts';

/**
 * Reads all records of the topics by Kafka's console consumer. No code of the kit takes part, so that faults hidden by
 * the kit's driver are seen.
 */
export async function dumpTopics(
  tools: KafkaTools,
  topics: readonly string[],
): Promise<readonly LogRecord[]> {
  const counts = await countRecords(tools);
  const wanted = topics.filter((topic) => (counts.get(topic) ?? 0) > 0);
  const records: LogRecord[] = [];
  // Two at a time: each is a JVM.
  const next = wanted.values();
  const worker = async (): Promise<void> => {
    for (const topic of next) records.push(...(await dumpTopic(tools, topic, counts.get(topic) ?? 0)));
  };
  await Promise.all([worker(), worker()]);
  return records;
}

/** Counts the records of each topic; nothing is ever deleted here. */
export async function countRecords(
  tools: KafkaTools,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const lines: string[] = [];
  const options = {
    onLine: (line: string) => void lines.push(line),
    ...(signal === undefined ? {} : { signal }),
  };
  await tools.run('org.apache.kafka.tools.GetOffsetShell', [], options);
  return recordsPerTopic(lines.join('\n'));
}

async function dumpTopic(tools: KafkaTools, topic: string, count: number): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  await readTopic(tools, { topic, count, properties: formatterProperties }, (line) => {
    records.push(parseLine(topic, line));
  });
  return records;
}

export interface TopicRead {
  readonly topic: string;
  /** How many records it has. */
  readonly count: number;
  /** What a line shows of a record. */
  readonly properties: readonly string[];
  readonly signal?: AbortSignal;
}

/** Reads a topic with Kafka's own console consumer, a record a line: of a partition in the order of offsets. */
export async function readTopic(
  tools: KafkaTools,
  { topic, count, properties, signal }: TopicRead,
  onRecord: (line: string) => void,
): Promise<void> {
  const args = [
    '--topic',
    topic,
    '--from-beginning',
    '--max-messages',
    String(count),
    '--timeout-ms',
    '30000',
  ];
  const format = properties.flatMap((property) => ['--formatter-property', property]);
  let read = 0;
  const onLine = (line: string): void => {
    read += 1;
    onRecord(line);
  };
  const options = { onLine, ...(signal === undefined ? {} : { signal }) };
  await tools.run('org.apache.kafka.tools.consumer.ConsoleConsumer', [...args, ...format], options);
  if (read !== count) throw new Error(`the console consumer read ${read} of ${count} records of ${topic}`);
}
