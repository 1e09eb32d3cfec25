import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { javaCommand } from '../libs/testing/src/kafka-tools.ts';

const run = promisify(execFile);

export interface JavaRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
  readonly timestampMs: number;
}

// Control characters that no test writes: the console consumer knows no lengths.
const FIELD = '\u0001';
const HEADER = '\u0002';
const RECORD = '\u0003\n';
const NULL = '\u0004';
const CREATE_TIME = 'CreateTime:';
const NO_HEADERS = 'NO_HEADERS';

/**
 * Reads a one-partition topic from its beginning with Kafka's console consumer, an implementation that shares no code
 * with the kit. Keys, values and headers may contain anything but the characters U+0001 to U+0004; header names no
 * colon.
 */
export async function readWithJava(
  brokers: string,
  topic: string,
  count: number,
): Promise<readonly JavaRecord[]> {
  const properties = {
    'print.key': 'true',
    'print.headers': 'true',
    'print.timestamp': 'true',
    'key.separator': FIELD,
    'headers.separator': HEADER,
    'line.separator': RECORD,
    'null.literal': NULL,
  };
  const [java, command] = await javaCommand('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', brokers, '--topic', topic, '--from-beginning'],
    ...['--max-messages', String(count), '--timeout-ms', '30000'],
    ...Object.entries(properties).flatMap(([name, value]) => ['--formatter-property', `${name}=${value}`]),
  ]);
  const { stdout } = await run(java, command, { encoding: 'buffer', maxBuffer: 67_108_864 });
  return split(stdout, RECORD).map(recordOf);
}

function recordOf(line: Buffer): JavaRecord {
  const [time, headers, key, value] = split(line, FIELD);
  if (time === undefined || headers === undefined || key === undefined)
    throw new Error(`the console consumer printed something else: ${line.toString().slice(0, 500)}`);
  return {
    timestampMs: Number(time.toString().slice(CREATE_TIME.length)),
    headers: headers.equals(Buffer.from(NO_HEADERS)) ? [] : split(headers, HEADER).map(headerOf),
    key: nullable(key),
    // An empty last field leaves nothing behind the separator.
    value: nullable(value ?? Buffer.alloc(0)),
  };
}

function headerOf(bytes: Buffer): readonly [string, Buffer | null] {
  const at = bytes.indexOf(':');
  return [bytes.subarray(0, at).toString(), nullable(bytes.subarray(at + 1))];
}

function nullable(bytes: Buffer): Buffer | null {
  return bytes.equals(Buffer.from(NULL)) ? null : bytes;
}

function split(bytes: Buffer, separator: string): readonly Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(separator); at >= 0; at = bytes.indexOf(separator, from)) {
    parts.push(bytes.subarray(from, at));
    from = at + separator.length;
  }
  if (from < bytes.length) parts.push(bytes.subarray(from));
  return parts;
}

/** Writes one record per line with Kafka's console producer; the Java client compresses the batches. */
export async function writeWithJava(
  brokers: string,
  topic: string,
  lines: readonly string[],
  compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd',
): Promise<void> {
  const [java, command] = await javaCommand('org.apache.kafka.tools.ConsoleProducer', [
    ...['--bootstrap-server', brokers, '--topic', topic, '--compression-codec', compression],
  ]);
  const running = run(java, command);
  running.child.stdin?.end(`${lines.join('\n')}\n`);
  await running;
}
