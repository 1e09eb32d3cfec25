import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Both } from './compare.ts';
import { deferHot, removeReports, type Reports } from './dirty.ts';
import { compareHashes, compareRanges, type Found } from './drill.ts';
import type { HashMode } from './hash-sql.ts';
import type { PassOptions } from './options.ts';
import { allRanges } from './prefix.ts';
import { changeRanges, type RangeStore } from './range-store.ts';
import { type Claimed, finished } from './ranges.ts';
import { openReader, type Reader } from './reader.ts';

/** A chunk of a step: keys that differ, or a number of compared rows. */
export type StepChunk = { readonly keys: readonly string[] } | { readonly compared: number };

/** Reported keys are compared in groups of this depth: 64. */
const REPORT_BITS = 6;

/** Compares claimed ranges and yields the keys that differ. Rejects if a side cannot be read: nothing is finished then. */
export async function* compareClaimed(
  store: RangeStore,
  claimed: readonly Claimed[],
  pass: PassOptions,
): AsyncGenerator<StepChunk> {
  const found = new Findings(store.reconciler, new Map());
  yield* withReaders(pass, async function* (readers) {
    for (const mode of ['full', 'version'] as const) {
      const ranges = claimed.filter(({ due }) => due === mode).map(({ range }) => range);
      if (ranges.length > 0)
        yield* found.pass(
          compareRanges(readers, ranges, store.bits, mode, { ...pass, hotForMs: new Map() }),
          mode,
        );
    }
  });
  await deferHot(store, found.hot);
  // Call it after the listed keys are queued. A range that another process has taken meanwhile is left to it.
  await changeRanges(store, (ranges) => ({ ranges: finished(ranges, store.holder, claimed, found.rows) }));
}

/** Compares all ranges without claiming any, and writes nothing: for an operator who only looks. */
export async function* lookAtAll(
  reconciler: string,
  bits: number,
  pass: PassOptions,
): AsyncGenerator<StepChunk> {
  const found = new Findings(reconciler, new Map());
  yield* withReaders(pass, (readers) =>
    found.pass(
      compareRanges(readers, allRanges(bits), bits, 'full', { ...pass, hotForMs: new Map() }),
      'full',
    ),
  );
}

/** Compares reported keys and yields those that differ. Rejects if a side cannot be read: the reports stay then. */
export async function* compareReports(
  store: RangeStore,
  reports: Reports,
  pass: PassOptions,
): AsyncGenerator<StepChunk> {
  const found = new Findings(store.reconciler, reports.hotForMs);
  yield* withReaders(pass, async function* (readers) {
    const options = { ...pass, hotForMs: reports.hotForMs };
    yield* found.pass(compareHashes(readers, reports.hashes, REPORT_BITS, options), 'key');
  });
  await deferHot(store, found.hot);
  await removeReports(store, reports, true);
}

/** Counts and keeps the results of one step. */
class Findings {
  readonly rows = new Map<number, number>();
  readonly hot = new Map<string, number>();
  readonly #reconciler: string;
  readonly #hotForMs: ReadonlyMap<string, number>;

  constructor(reconciler: string, hotForMs: ReadonlyMap<string, number>) {
    this.#reconciler = reconciler;
    this.#hotForMs = hotForMs;
  }

  async *pass(results: AsyncIterable<Found>, mode: HashMode | 'key'): AsyncGenerator<StepChunk> {
    for await (const found of results) {
      if (found.kind === 'listed') {
        for (const hash of found.hot) this.hot.set(hash, this.#hotForMs.get(hash) ?? 0);
        if (found.keys.length > 0) yield { keys: found.keys };
      } else yield { compared: this.#count(found.rows, found.different, mode) };
    }
  }

  #count(rows: ReadonlyMap<number, number>, different: number, mode: HashMode | 'key'): number {
    for (const [range, count] of rows) this.rows.set(range, count);
    const compared = [...rows.values()].reduce((sum, count) => sum + count, 0);
    const labels = { [attributeNames.reconciler]: this.#reconciler, [attributeNames.digestMode]: mode };
    const { reconcileDigestRanges, reconcileDigestRows } = instruments();
    reconcileDigestRanges.add(rows.size - different, { ...labels, [attributeNames.outcome]: 'equal' });
    reconcileDigestRanges.add(different, { ...labels, [attributeNames.outcome]: 'different' });
    reconcileDigestRows.add(compared, labels);
    return compared;
  }
}

/** Opens a snapshot of each side for as long as the generator runs. */
async function* withReaders<T>(
  { databases, desired, actual, timeoutMs, settleMs }: PassOptions,
  use: (readers: Both<Reader>) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const options = { timeoutMs, settleMs };
  const opened: Reader[] = [];
  try {
    const open = async (...of: Parameters<typeof openReader>): Promise<Reader> => {
      const reader = await openReader(...of);
      opened.push(reader);
      return reader;
    };
    // Both are waited for, so that none is opened after the other failed.
    const both = [
      open(databases.desired, desired, options),
      open(databases.actual, actual, options),
    ] as const;
    await Promise.allSettled(both);
    yield* use({ desired: await both[0], actual: await both[1] });
  } finally {
    // A connection that broke has closed its snapshot already.
    await Promise.allSettled(opened.map((reader) => reader.close()));
  }
}
