import type { KafkaTools } from '@convergekit/testing/engine';
import type { LogRecord } from '../checker/facts.ts';
import * as demo from '../demo/collect/parse-dump.ts';
import { readTopic } from '../demo/collect/topic-dump.ts';

/**
 * Reads a topic with Kafka's console consumer and passes on the records one by one. Faults hidden by the kit's driver
 * are seen. Records of a partition come in the order of offsets, with only one line in memory.
 */
export async function dumpTopic(
  tools: KafkaTools,
  topic: string,
  count: number,
  onRecord: (record: LogRecord) => void,
  signal: AbortSignal,
): Promise<void> {
  if (count === 0) return;
  const properties = ['print.timestamp=true', ...demo.formatterProperties];
  const onLine = (line: string): void => onRecord(parseLine(topic, line));
  await readTopic(tools, { topic, count, properties, signal }, onLine);
}

const TIME = 'LogAppendTime:';

/** `LogAppendTime:1␁`, then what the demo's dump parses. */
export function parseLine(topic: string, line: string): LogRecord {
  if (!line.startsWith(TIME)) throw demo.notRecord(topic, line);
  const at = line.indexOf(demo.fieldSeparator);
  const { offset, ...record } = demo.parseLine(topic, line.slice(at + 1));
  return { ...record, offset: Number(offset), appendedAtMs: Number(line.slice(TIME.length, at)) };
}
