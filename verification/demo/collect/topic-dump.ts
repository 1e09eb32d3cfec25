import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { LogRecord } from '../audit/facts.ts';
import { formatterProperties, parseLine, recordsPerTopic } from './parse-dump.ts';

/** Short-lived JVMs: little compilation, little memory. */
const jvm = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m'];

/**
 * All records of the topics, read by Kafka's own console consumer: not a line of our code takes part, so what the
 * kit's driver would hide is seen.
 */
export async function dumpTopics(brokers: string, topics: readonly string[]): Promise<readonly LogRecord[]> {
  const jars = findJars();
  const counts = await endOffsets(jars, brokers);
  const wanted = topics.filter((topic) => (counts.get(topic) ?? 0) > 0);
  const records: LogRecord[] = [];
  // Two at a time: each is a JVM.
  const next = wanted.values();
  const worker = async (): Promise<void> => {
    for (const topic of next)
      records.push(...(await dumpTopic(jars, brokers, topic, counts.get(topic) ?? 0)));
  };
  await Promise.all([worker(), worker()]);
  return records;
}

/** Kafka's jars: CONVERGE_KAFKA_JARS, or what the development stack has fetched. */
export function findJars(env: NodeJS.ProcessEnv = process.env, dataFolder = '.converge'): string {
  const given = env['CONVERGE_KAFKA_JARS'];
  if (given !== undefined && given !== '') return given;
  const folder = resolve(dataFolder, 'kafka-jars');
  const [newest] = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
  if (newest === undefined)
    throw new Error(
      'the audit reads the topics with Kafka’s own console consumer, and its jars are not there: set CONVERGE_KAFKA_JARS to a folder with Kafka’s jars (its libs/)',
    );
  return join(folder, newest);
}

async function endOffsets(jars: string, brokers: string): Promise<ReadonlyMap<string, number>> {
  const args = [
    ...jvm,
    '-cp',
    `${jars}/*`,
    'org.apache.kafka.tools.GetOffsetShell',
    '--bootstrap-server',
    brokers,
  ];
  const { stdout } = await promisify(execFile)('java', args, { timeout: 60_000, maxBuffer: 16_777_216 });
  return recordsPerTopic(stdout);
}

async function dumpTopic(
  jars: string,
  brokers: string,
  topic: string,
  count: number,
): Promise<readonly LogRecord[]> {
  const properties = formatterProperties.flatMap((property) => ['--formatter-property', property]);
  const args = [
    ...[...jvm, '-cp', `${jars}/*`, 'org.apache.kafka.tools.consumer.ConsoleConsumer'],
    ...['--bootstrap-server', brokers, '--topic', topic, '--from-beginning'],
    ...['--max-messages', String(count), '--timeout-ms', '20000', ...properties],
  ];
  const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  await Promise.all([once(child, 'exit'), once(reader, 'close')]);
  if (lines.length !== count)
    throw new Error(`the console consumer read ${lines.length} of ${count} records of ${topic}`);
  return lines.map((line) => parseLine(topic, line));
}
