import { executorOf } from '@convergekit/postgres';
import type { Databases } from './definition.ts';
import { distinctKeys } from './distinct-keys.ts';
import { enqueueAll } from './enqueue-sql.ts';
import type { Reconciler } from './reconciler.ts';
import { type Checkpoint, NO_PROGRESS, type Progress } from './runs/run-sql.ts';
import { type ChunkParts, readChunk } from './scan-chunk.ts';
import { readState, recordRun } from './window.ts';

export interface SweepRequest {
  readonly reconciler: Reconciler;
  readonly databases: Databases<unknown, unknown>;
  /** The cause of the keys, for the audit. */
  readonly cause: string;
  /** The place of an interrupted sweep; null begins with the first key. */
  readonly from?: Checkpoint | null;
  /** The start of the run. */
  readonly startedAt: Date;
  /** Called after every chunk, whose keys are queued. false ends the sweep early: the next leader continues it. */
  readonly save: (progress: Progress) => Promise<boolean>;
  /** Called for a chunk that could not be answered. @default only counted */
  readonly onUnknown?: (reason: string) => void;
  /** The scan must not leave out keys that it compared lately. @default false */
  readonly everything?: boolean;
  /** Nothing waits for the sweep: the scan leaves the servers to others. @default false */
  readonly background?: boolean;
}

/**
 * Queues every key that the scan lists. Returns the counts, or undefined if it was ended early.
 * The run is dated from its start, so a change behind the scan belongs to the next run.
 */
export async function sweep(request: SweepRequest): Promise<Progress | undefined> {
  const {
    reconciler,
    databases,
    cause,
    startedAt,
    from = null,
    everything = false,
    background = false,
    save,
    onUnknown,
  } = request;
  const executor = executorOf(databases.actual);
  await readState(executor, reconciler.name); // inserts the row of a new reconciler
  const { name, timing } = reconciler;
  const shared = { reconciler: name, priority: 'sweep', cause, ...timing } as const;
  let progress: Progress = from === null ? NO_PROGRESS : { ...from, checkpoint: from };
  const context = { reconciler: name, after: from?.after ?? null, everything, background };
  const countFresh = distinctKeys();
  for await (const chunk of reconciler.keys.scan(databases, context)) {
    const parts = readChunk(chunk);
    const { keys, unknown } = parts;
    await enqueueAll(executor, { ...shared, keys });
    if (unknown !== undefined) onUnknown?.(unknown);
    progress = advance(progress, parts, countFresh(keys));
    if (!(await save(progress))) return undefined;
  }
  await recordRun(executor, {
    reconciler: name,
    startedAt,
    // The limits are a share of all keys, also of those that the scan compared without listing them.
    keys: Math.max(progress.keys, progress.compared),
  });
  return progress;
}

/** The progress after one more chunk, with `fresh` keys that were not listed before (pure). */
function advance(before: Progress, chunk: ChunkParts, fresh: number): Progress {
  const counts = {
    keys: before.keys + fresh,
    compared: before.compared + (chunk.compared ?? 0),
    unknown: before.unknown + (chunk.unknown === undefined ? 0 : 1),
  };
  const { checkpoint: after } = chunk;
  return { ...counts, checkpoint: after === undefined ? before.checkpoint : { after, ...counts } };
}
