import type { KafkaTools } from '@convergekit/testing/engine';
import type { LogRecord } from '../checker/facts.ts';
import { fieldSeparator, headerSeparator } from '../demo/collect/parse-dump.ts';

const formatter = [
  'print.timestamp=true',
  'print.partition=true',
  'print.offset=true',
  'print.headers=true',
  'print.key=true',
  `key.separator=${fieldSeparator}`,
  `headers.separator=${headerSeparator}`,
].flatMap((property) => ['--formatter-property', property]);

/**
 * Reads a topic with Kafka's own console consumer, so that what the kit's driver would hide is seen, and hands over the
 * records one by one: of a partition in the order of offsets, and never more of them in memory than a line.
 */
export async function dumpTopic(
  tools: KafkaTools,
  topic: string,
  count: number,
  onRecord: (record: LogRecord) => void,
  signal: AbortSignal,
): Promise<void> {
  if (count === 0) return;
  const args = [
    '--topic',
    topic,
    '--from-beginning',
    '--max-messages',
    String(count),
    '--timeout-ms',
    '30000',
  ];
  let read = 0;
  const onLine = (line: string): void => {
    read += 1;
    onRecord(parseLine(topic, line));
  };
  await tools.run('org.apache.kafka.tools.consumer.ConsoleConsumer', [...args, ...formatter], {
    onLine,
    signal,
  });
  if (read !== count) throw new Error(`the console consumer read ${read} of ${count} records of ${topic}`);
}

/** `LogAppendTime:1␁Partition:0␁Offset:7␁name:value␂name:value␁key␁payload` */
export function parseLine(topic: string, line: string): LogRecord {
  const [time = '', partition = '', offset = '', headers = '', key = '', ...payload] =
    line.split(fieldSeparator);
  if (
    !time.startsWith('LogAppendTime:') ||
    !partition.startsWith('Partition:') ||
    !offset.startsWith('Offset:')
  )
    throw new Error(
      `the console consumer printed something else than a record of ${topic}: ${line.slice(0, 200)}`,
    );
  const named: Record<string, string> = {};
  for (const header of headers.split(headerSeparator)) {
    const at = header.indexOf(':');
    named[header.slice(0, at)] = header.slice(at + 1);
  }
  return {
    topic,
    partition: Number(partition.slice('Partition:'.length)),
    offset: Number(offset.slice('Offset:'.length)),
    appendedAtMs: Number(time.slice('LogAppendTime:'.length)),
    headers: named,
    key,
    payload: payload.length === 1 ? (payload[0] ?? '') : payload.join(fieldSeparator),
  };
}
