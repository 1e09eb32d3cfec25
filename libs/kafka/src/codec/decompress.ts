import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { lz4Decompress } from './lz4.ts';
import { snappyDecompress } from './snappy.ts';
import { TooLarge } from './decode-budget.ts';

/** The largest window of a zstd frame, 64 MiB (2^26): it suffices for any batch within the bound. */
const ZSTD_WINDOW_LOG = 26;

/**
 * Decompresses the records of a batch by its codec. Never produces more than `limit` bytes: a few kilobytes may expand
 * to gigabytes. Throws for bytes that are not of the codec, and TooLarge.
 */
export function decompress(body: Buffer, codec: number, limit: number): Buffer {
  switch (codec) {
    case 0:
      return body;
    case 1:
      return bounded(limit, () => gunzipSync(body, { maxOutputLength: limit }));
    case 2:
      return snappyDecompress(body, limit);
    case 3:
      return lz4Decompress(body, limit);
    case 4:
      return bounded(limit, () =>
        zstdDecompressSync(body, {
          maxOutputLength: limit,
          params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
        }),
      );
    default:
      throw new RangeError(`codec ${codec} is not one of Kafka's`);
  }
}

function bounded(limit: number, work: () => Buffer): Buffer {
  try {
    return work();
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') throw new TooLarge(limit);
    throw error;
  }
}
