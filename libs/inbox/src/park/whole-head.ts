import { readRecord } from '../decide/reading.ts';
import type { SliceContext } from '../slice/context.ts';
import type { Head } from './head-sql.ts';

/** The head with its record's bytes, read from the log where the row has none. Rejects when the broker does not answer. */
export async function wholeHead<DB>({ readLog }: SliceContext<DB>, head: Head): Promise<Head> {
  if (head.bytes === 'here') return head;
  const found = await readLog(head.record);
  const { content } = found === undefined ? { content: undefined } : readRecord(found);
  const id = content?.kind === 'envelope' ? content.envelope.id : null;
  // Another record may have the offset by now: of a topic that was made anew.
  if (found === undefined || id !== head.eventId) return { ...head, bytes: 'gone' };
  const value = head.edited ?? found.value;
  const { topic, partition, offset, timestampMs, key, headers } = found;
  return { ...head, bytes: 'here', record: { topic, partition, offset, timestampMs, key, headers, value } };
}
