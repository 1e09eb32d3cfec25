import { executorOf } from '@convergekit/postgres';
import type { Databases, ScanChunk } from '../definition.ts';
import { enqueueAll } from '../key-queue.ts';
import type { Reconciler } from '../reconciler.ts';
import { type Checkpoint, NO_PROGRESS, type Progress } from './run-sql.ts';
import { readState, recordRun } from '../window.ts';

export interface ChunkParts {
  readonly keys: readonly string[];
  readonly compared?: number;
  readonly checkpoint?: string;
  readonly unknown?: string;
}

/** The most bytes of a key: the index of the queue takes 2,704, with the reconciler's name. */
const KEY_BYTES = 2_000;

/** Reads the parts of a chunk, which may be a list of keys only. Keys that no queue can hold are unknown. Pure. */
export function readChunk(chunk: ScanChunk): ChunkParts {
  const parts: ChunkParts = isKeys(chunk) ? { keys: chunk } : { keys: [], ...chunk };
  const refused = parts.keys.filter((key) => !canBeQueued(key));
  if (refused.length === 0) return parts;
  const text = `${refused.length} keys cannot be compared, the first is ${JSON.stringify(refused[0] ?? null).slice(0, 80)}: a key is text of at most ${KEY_BYTES} bytes of UTF-8, without NUL`;
  const unknown = parts.unknown === undefined ? text : `${parts.unknown}; ${text}`;
  return { ...parts, keys: parts.keys.filter(canBeQueued), unknown };
}

/** The keys of a scan come from any system, and what the database refuses of one it refuses of its whole chunk. */
function canBeQueued(key: string | number | null | undefined): boolean {
  if (key === null || key === undefined) return false;
  const text = String(key);
  return !text.includes('\0') && text.isWellFormed() && Buffer.byteLength(text) <= KEY_BYTES;
}

// Array.isArray does not narrow a readonly array.
function isKeys(chunk: ScanChunk): chunk is readonly string[] {
  return Array.isArray(chunk);
}

/** The bits of the map: two keys of 1,000 share one with a probability of 3 %, and a million keys count as 970,000. */
const BITS = 2 ** 24;

/**
 * Counts distinct keys in 2 MB, however many there are. Returns how many of each list were not counted before.
 * Two keys whose hashes are equal count as one, so the count is never too high: limits that are shares of it stay strict.
 */
export function distinctKeys(): (keys: readonly string[]) => number {
  const map = new Uint8Array(BITS / 8);
  return (keys) => {
    let fresh = 0;
    for (const key of keys) {
      const bit = hashOf(key) % BITS;
      const [byte, mask] = [bit >> 3, 1 << (bit & 7)];
      const held = map[byte] ?? 0;
      if ((held & mask) === 0) fresh += 1;
      map[byte] = held | mask;
    }
    return fresh;
  };
}

/** FNV-1a with a final mix, as an unsigned integer of 32 bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

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
