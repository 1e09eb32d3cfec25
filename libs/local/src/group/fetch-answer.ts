import { type Fetched, type FetchWant, offsetOutOfRange, partitionMissing } from '@convergekit/broker/engine';
import { decodeBatch } from '../log/decode.ts';
import type { Found } from '../log/fetch-sql.ts';

/** The answer of a fetch from the end of a partition: nothing is there. */
export function atEnd(want: FetchWant): Fetched {
  return answerOf(want, { start: want.offset, end: want.offset, batches: [] });
}

/** Converts what the log has of a partition to the answer of a fetch. The function does no I/O. */
export function answerOf(want: FetchWant, found: Found): Fetched {
  const { topic, partition, offset } = want;
  // The next refresh detects whether the topic was created again.
  if (found === undefined) return { ok: false, topic, partition, error: partitionMissing(want) };
  const { start, end, batches } = found;
  if (offset < start || offset > end)
    return { ok: false, topic, partition, error: offsetOutOfRange(want, start, end) };
  const place = { topic, partition, from: offset };
  return {
    ok: true,
    topic,
    partition,
    records: batches.flatMap((batch) => decodeBatch(batch, place)),
    bytes: batches.reduce((sum, { bytes }) => sum + bytes.length, 0),
    nextOffset: (batches.at(-1)?.lastOffset ?? offset - 1n) + 1n,
    highWatermark: end,
  };
}
