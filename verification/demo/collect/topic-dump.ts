import type { KafkaTools } from '@convergekit/testing/engine';
import type { LogRecord } from '../audit/facts.ts';
import { formatterProperties, parseLine, recordsPerTopic } from './parse-dump.ts';

/**
 * All records of the topics, read by Kafka's own console consumer: not a line of our code takes part, so what the
 * kit's driver would hide is seen.
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

/** How many records each topic has; nothing is ever deleted here. */
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
  const properties = formatterProperties.flatMap((property) => ['--formatter-property', property]);
  const args = [
    '--topic',
    topic,
    '--from-beginning',
    '--max-messages',
    String(count),
    '--timeout-ms',
    '20000',
  ];
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.push(line);
  await tools.run('org.apache.kafka.tools.consumer.ConsoleConsumer', [...args, ...properties], { onLine });
  if (lines.length !== count)
    throw new Error(`the console consumer read ${lines.length} of ${count} records of ${topic}`);
  return lines.map((line) => parseLine(topic, line));
}
