import { type Assignment, partitionId, type StartAt } from '../broker.ts';
import { offsetOutOfRange, partitionMissing } from '../errors.ts';
import type { Fetched, FetchWant } from '../group/link.ts';
import type { LogStore, StoreFound } from './store.ts';

/** The answer of a fetch from the end of a partition: nothing is there. */
export function atEnd(want: FetchWant): Fetched {
  const { offset } = want;
  return answerOf(want, { start: offset, end: offset, records: [], bytes: 0, nextOffset: offset });
}

/** Converts what the log has of a partition to the answer of a fetch. The function does no I/O. */
export function answerOf(want: FetchWant, found: StoreFound): Fetched {
  const { topic, partition, offset } = want;
  // The next refresh detects whether the topic was created again.
  if (found === undefined) return { ok: false, topic, partition, error: partitionMissing(want) };
  const { start, end, records, bytes, nextOffset } = found;
  if (offset < start || offset > end)
    return { ok: false, topic, partition, error: offsetOutOfRange(want, start, end) };
  return { ok: true, topic, partition, records, bytes, nextOffset, highWatermark: end };
}

/** Resolves positions to offsets. `committed` without a commit is the earliest. */
export async function resolveStarts(
  store: LogStore,
  groupId: string,
  wanted: readonly (Assignment & { readonly at: StartAt })[],
): Promise<readonly bigint[]> {
  const starts = new Map<string, Readonly<Record<Exclude<StartAt, bigint>, bigint>>>();
  for (const topic of new Set(wanted.map((one) => one.topic))) {
    const offsets = await store.readCommitted(groupId, topic);
    for (const { partition, earliest, latest } of await store.readEnds(topic)) {
      const committed = offsets.get(partition) ?? earliest;
      starts.set(partitionId(topic, partition), { earliest, latest, committed });
    }
  }
  return wanted.map(({ topic, partition, at }) => {
    if (typeof at === 'bigint') return at;
    const start = starts.get(partitionId(topic, partition));
    if (start === undefined) throw partitionMissing({ topic, partition });
    return start[at];
  });
}
