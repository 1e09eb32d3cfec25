import type { ScanChunk } from './definition.ts';

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
