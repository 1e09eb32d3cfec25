import type { Executor } from '@convergekit/postgres';
import type { KafkaTools } from '@convergekit/testing/engine';
import type { LogRecord } from '../checker/facts.ts';

/** Passes on every record of some topics, those of a partition in the order of offsets. */
export type ReadLog = (
  topics: readonly string[],
  onRecord: (record: LogRecord) => void,
  signal?: AbortSignal,
) => Promise<void>;

/** Control characters that neither our headers nor our JSON can hold. */
const FIELD = '\u0001';
const HEADER = '\u0002';
/** The header of records that a fault writes: no judge takes them for the kit's. */
export const STRANGER = 'x-lab-stranger';
const FORMAT = [
  ...['timestamp', 'partition', 'offset', 'headers', 'key'].map((what) => `print.${what}=true`),
  `key.separator=${FIELD}`,
  `headers.separator=${HEADER}`,
].flatMap((property) => ['--formatter-property', property]);

/**
 * Reads topics with Kafka's own console consumer. No code of the kit takes part, so that faults hidden by the kit's driver
 * are seen. One record at a time is in memory. Records of strangers are left out.
 */
export function kafkaLog(tools: KafkaTools): ReadLog {
  return async (topics, onRecord, signal) => {
    const options = signal === undefined ? {} : { signal };
    const ends: string[] = [];
    await tools.run('org.apache.kafka.tools.GetOffsetShell', [], {
      onLine: (line) => void ends.push(line),
      ...options,
    });
    const counts = recordsPerTopic(ends);
    const readTopic = async (topic: string, count: number): Promise<void> => {
      const most = ['--max-messages', String(count), '--timeout-ms', '30000'];
      const args = ['--topic', topic, '--from-beginning', ...most, ...FORMAT];
      let read = 0;
      const onLine = (line: string): void => {
        read += 1;
        const record = parseLine(topic, line);
        if (record.headers[STRANGER] === undefined) onRecord(record);
      };
      await tools.run('org.apache.kafka.tools.consumer.ConsoleConsumer', args, { onLine, ...options });
      if (read !== count)
        throw new Error(`the console consumer read ${read} of ${count} records of ${topic}`);
    };
    const left = topics.values();
    const worker = async (): Promise<void> => {
      for (const topic of left)
        if ((counts.get(topic) ?? 0) > 0) await readTopic(topic, counts.get(topic) ?? 0);
    };
    // Two at a time: each is a JVM.
    await Promise.all([worker(), worker()]);
  };
}

/** Parses a line `LogAppendTime:1␁Partition:0␁Offset:7␁name:value␂name:value␁key␁payload`. */
export function parseLine(topic: string, line: string): LogRecord {
  const [time = '', partition = '', offset = '', headers = '', key = '', ...payload] = line.split(FIELD);
  const at = /^(CreateTime|LogAppendTime):(\d+)$/.exec(time);
  if (at === null || !partition.startsWith('Partition:') || !offset.startsWith('Offset:'))
    throw new Error(
      `the console consumer printed something else than a record of ${topic}: ${line.slice(0, 200)}`,
    );
  return {
    topic,
    partition: Number(partition.slice('Partition:'.length)),
    offset: Number(offset.slice('Offset:'.length)),
    // The time of a producer says nothing about the log.
    appendedAtMs: at[1] === 'LogAppendTime' ? Number(at[2]) : Number.NaN,
    key,
    headers: Object.fromEntries(headers.split(HEADER).map(splitHeader)),
    payload: payload.join(FIELD),
  };
}

function splitHeader(text: string): [string, string] {
  const at = text.indexOf(':');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Counts the records of each topic from the lines of GetOffsetShell, `topic:partition:offset`; nothing is deleted here. */
export function recordsPerTopic(lines: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const [, topic, end] = /^(.+):\d+:(\d+)$/.exec(line.trim()) ?? [];
    if (topic !== undefined) counts.set(topic, (counts.get(topic) ?? 0) + Number(end));
  }
  return counts;
}

const batchesSql = `
  select t.name as topic, b.partition, b.last_offset - b.records + 1 as base, b.bytes
    from converge_log.batch b join converge_log.topic t on t.id = b.topic_id
   where t.name = any ($1::text[]) order by t.name, b.partition, b.last_offset`;

/** Reads topics from the tables of the local log, which are its topics. The batches are decoded here. */
export function localLog(executor: Executor): ReadLog {
  return async (topics, onRecord) => {
    const { rows } = await executor.query<{ topic: string; partition: number; base: string; bytes: Buffer }>(
      batchesSql,
      [topics],
    );
    for (const { topic, partition, base, bytes } of rows)
      for (const [at, record] of recordsOf(bytes).entries())
        onRecord({ topic, partition, offset: Number(base) + at, appendedAtMs: Number.NaN, ...record });
  };
}

/** The bytes of a record batch (Kafka's format 2) before its records, and the place of their number. */
const HEAD = 61;
const COUNT_AT = 57;

/** Decodes the records of an uncompressed batch. */
function recordsOf(batch: Buffer): readonly Pick<LogRecord, 'key' | 'headers' | 'payload'>[] {
  const cursor = new Cursor(batch, HEAD);
  return Array.from({ length: batch.readInt32BE(COUNT_AT) }, () => {
    cursor.varint(); // length
    cursor.skip(1); // attributes
    cursor.varint(); // timestamp
    cursor.varint(); // offset
    const key = cursor.text();
    const payload = cursor.text();
    const headers = Array.from({ length: cursor.varint() }, () => [cursor.text(), cursor.text()] as const);
    return { key, headers: Object.fromEntries(headers), payload };
  });
}

class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  /** A zig-zag coded integer of up to 53 bits. */
  varint(): number {
    let coded = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes.readUInt8(this.#at++);
      coded += (byte & 0x7f) * scale;
      if (byte < 0x80) return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
    }
  }

  text(): string {
    const length = this.varint();
    if (length < 0) return 'null';
    const from = this.#at;
    this.skip(length);
    return this.#bytes.toString('utf8', from, from + length);
  }
}
