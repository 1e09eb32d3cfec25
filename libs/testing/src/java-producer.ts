import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jarsFolder } from './java-consumer.ts';
import { findJava } from './stack/java.ts';

/** Writes one record per line with Kafka's console producer; the Java client compresses the batches. */
export async function writeWithJava(
  brokers: string,
  topic: string,
  lines: readonly string[],
  compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd',
): Promise<void> {
  const running = promisify(execFile)(await findJava(), [
    ...['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'],
    ...['-cp', join(await jarsFolder(), '*'), 'org.apache.kafka.tools.ConsoleProducer'],
    ...['--bootstrap-server', brokers, '--topic', topic, '--compression-codec', compression],
  ]);
  running.child.stdin?.end(`${lines.join('\n')}\n`);
  await running;
}
