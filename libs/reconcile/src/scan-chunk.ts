import type { ScanChunk } from './definition.ts';

export interface ChunkParts {
  readonly keys: readonly string[];
  readonly compared?: number;
  readonly checkpoint?: string;
  readonly unknown?: string;
}

/** Reads the parts of a chunk, which may be a list of keys only. Pure. */
export function readChunk(chunk: ScanChunk): ChunkParts {
  return isKeys(chunk) ? { keys: chunk } : { keys: [], ...chunk };
}

// Array.isArray does not narrow a readonly array.
function isKeys(chunk: ScanChunk): chunk is readonly string[] {
  return Array.isArray(chunk);
}
