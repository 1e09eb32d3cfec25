import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './cli-process.ts';

export interface JavaRecord {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer;
}

const BETWEEN = '\u0001';
const BETWEEN_HEADERS = '\u0002';

/** Reads a topic from its beginning with Kafka's own console consumer: an implementation that shares nothing with ours. */
export async function readWithJava(
  brokers: string,
  topic: string,
  count: number,
): Promise<readonly JavaRecord[]> {
  const properties = {
    'print.key': 'true',
    'print.headers': 'true',
    'key.separator': BETWEEN,
    'headers.separator': BETWEEN_HEADERS,
  };
  const { stdout } = await promisify(execFile)(
    'java',
    [
      ...['-cp', join(jarsFolder(), '*'), 'org.apache.kafka.tools.consumer.ConsoleConsumer'],
      ...['--bootstrap-server', brokers, '--topic', topic, '--from-beginning'],
      ...['--max-messages', String(count), '--timeout-ms', '30000'],
      ...Object.entries(properties).flatMap(([name, value]) => ['--formatter-property', `${name}=${value}`]),
    ],
    { encoding: 'buffer', maxBuffer: 16_777_216 },
  );
  return split(stdout, 0x0a).map(recordOf);
}

function recordOf(line: Buffer): JavaRecord {
  const [headers, key, value] = split(line, BETWEEN.charCodeAt(0));
  if (headers === undefined || key === undefined || value === undefined)
    throw new Error(`the console consumer printed something else: ${line.toString()}`);
  const pairs = headers.toString().split(BETWEEN_HEADERS);
  return { key: key.toString(), value, headers: Object.fromEntries(pairs.map(pairOf)) };
}

function pairOf(text: string): readonly [string, string] {
  const at = text.indexOf(':');
  return [text.slice(0, at), text.slice(at + 1)];
}

function split(bytes: Buffer, separator: number): readonly Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(separator); at >= 0; at = bytes.indexOf(separator, from)) {
    parts.push(bytes.subarray(from, at));
    from = at + 1;
  }
  if (from < bytes.length) parts.push(bytes.subarray(from));
  return parts;
}

// The development stack keeps the jars in a folder named by their pom; CONVERGE_KAFKA_JARS names another one.
function jarsFolder(): string {
  const given = process.env['CONVERGE_KAFKA_JARS'];
  if (given !== undefined && given !== '') return given;
  const fetched = join(root, '.converge/kafka-jars');
  const folders = existsSync(fetched) ? readdirSync(fetched).map((name) => join(fetched, name)) : [];
  const found = folders.find(
    (folder) =>
      !folder.includes('.partial-') && readdirSync(folder).some((name) => name.startsWith('kafka-clients-')),
  );
  if (found === undefined)
    throw new Error(
      `no Kafka jars below ${fetched}: run the development stack once, or set CONVERGE_KAFKA_JARS`,
    );
  return found;
}
