import type { LogRecord } from '../audit/facts.ts';

/** Control characters that neither our headers nor our JSON can hold. */
export const fieldSeparator = '\u0001';
export const headerSeparator = '\u0002';

/** The properties that the console consumer prints, one record per line. */
export const formatterProperties: readonly string[] = [
  'print.partition=true',
  'print.offset=true',
  'print.headers=true',
  'print.key=true',
  `key.separator=${fieldSeparator}`,
  `headers.separator=${headerSeparator}`,
];

/** Parses a line `Partition:0␁Offset:7␁name:value␂name:value␁key␁payload`. */
export function parseLine(topic: string, line: string): LogRecord {
  const [partition = '', offset = '', headers = '', key = '', ...payload] = line.split(fieldSeparator);
  if (!partition.startsWith('Partition:') || !offset.startsWith('Offset:')) throw notRecord(topic, line);
  return {
    topic,
    partition: Number(partition.slice('Partition:'.length)),
    offset: BigInt(offset.slice('Offset:'.length)),
    key,
    headers: Object.fromEntries(headers.split(headerSeparator).map(splitHeader)),
    payload: payload.join(fieldSeparator),
  };
}

export function notRecord(topic: string, line: string): Error {
  return new Error(
    `the console consumer printed something else than a record of ${topic}: ${line.slice(0, 200)}`,
  );
}

function splitHeader(text: string): [string, string] {
  const at = text.indexOf(':');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `topic:partition:offset` lines of GetOffsetShell → how many records each topic has (nothing is ever deleted here). */
export function recordsPerTopic(output: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of output.split('\n')) {
    const [, topic, end] = /^(.+):\d+:(\d+)$/.exec(line.trim()) ?? [];
    if (topic !== undefined) counts.set(topic, (counts.get(topic) ?? 0) + Number(end));
  }
  return counts;
}
