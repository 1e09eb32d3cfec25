import type { IncomingRecord } from '@convergekit/broker/engine';
import type { SliceContext } from '../slice/context.ts';
import { readRecord } from '../plan/reading.ts';
import type { Head } from './head-sql.ts';

/** The most bytes that are read beyond the first event of a line: records of other keys may lie between. */
const READ_BYTES = 4 * 1_048_576;

type Context = Pick<SliceContext<never>, 'readLog'>;

/**
 * Completes the first events of a line with the bytes that are in the log alone, by one read. Returns at least the first
 * one; where the next event is far behind in the log, no more.
 */
export async function wholeHeads(
  context: Context,
  line: readonly [Head, ...Head[]],
): Promise<readonly [Head, ...Head[]]> {
  const from = line.find(({ bytes }) => bytes === 'log')?.record;
  if (from === undefined) return line;
  const isTogether = ({ bytes, record }: Head): boolean =>
    bytes === 'log' && record.partition === from.partition;
  const { found, end } = await readTogether(context, from, line.filter(isTogether));
  const whole = (head: Head): Head =>
    head.bytes === 'log' ? completed(head, found.get(head.record.offset)) : head;
  const [first, ...others] = line;
  const at = others.findIndex(
    (head) => head.bytes === 'log' && !(isTogether(head) && head.record.offset < end),
  );
  return [whole(first), ...(at < 0 ? others : others.slice(0, at)).map(whole)];
}

/** Reads records of one partition; `end`: the offset before which all were found that the log has. */
async function readTogether({ readLog }: Context, from: IncomingRecord, heads: readonly Head[]) {
  const wanted = new Set(heads.map(({ record }) => record.offset));
  const last = heads.at(-1)?.record.offset ?? from.offset;
  const found = new Map<bigint, IncomingRecord>();
  let bytes = 0;
  for await (const record of readLog(from, last + 1n)) {
    if (bytes > READ_BYTES && record.offset > from.offset) return { found, end: record.offset };
    if (wanted.has(record.offset)) found.set(record.offset, record);
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }
  return { found, end: last + 1n };
}

function completed(head: Head, found: IncomingRecord | undefined): Head {
  const { content } = found === undefined ? { content: undefined } : readRecord(found);
  const id = content?.kind === 'envelope' ? content.envelope.id : null;
  // A recreated topic may have another record at this offset.
  if (found === undefined || id !== head.eventId) return { ...head, bytes: 'gone' };
  const value = head.edited ?? found.value;
  const { topic, partition, offset, timestampMs, key, headers } = found;
  return { ...head, bytes: 'here', record: { topic, partition, offset, timestampMs, key, headers, value } };
}
