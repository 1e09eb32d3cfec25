/**
 * The partition of a key. Equal to the Java client's for keyed records, so that programs in other languages and every
 * driver here agree on it.
 * A record without a key goes to partition 0: the kit promises order per key, and spreading keyless records is a
 * choice that only the caller can make (an event always has a key).
 */
export function partitionOf(key: string | null, partitions: number): number {
  const bytes = Buffer.from(key ?? '', 'utf8');
  return key === null
    ? partitionOfBytes(bytes, 0, -1, partitions)
    : partitionOfBytes(bytes, 0, bytes.length, partitions);
}

/** Returns the partition of the key at [from, to) of a buffer; `to` below `from` means no key. */
export function partitionOfBytes(bytes: Uint8Array, from: number, to: number, partitions: number): number {
  if (!Number.isInteger(partitions) || partitions < 1)
    throw new RangeError(`a topic has at least one partition, not ${partitions}`);
  if (to < from) return 0;
  // Java keeps the hash's lower 31 bits: `abs` would map the lowest integer to itself.
  return (murmur2(bytes, from, to) & 0x7fff_ffff) % partitions;
}

const SEED = 0x9747_b28c;
const MIX = 0x5bd1_e995;

/**
 * MurmurHash2, 32 bits, by Austin Appleby (public domain), in the variant of Kafka's
 * `org.apache.kafka.common.utils.Utils.murmur2` (Apache-2.0): little-endian words, seed 0x9747b28c.
 */
export function murmur2(bytes: Uint8Array, from = 0, to = bytes.length): number {
  const length = to - from;
  const whole = from + (length & ~3);
  let hash = SEED ^ length;
  for (let at = from; at < whole; at += 4) {
    let word =
      (bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24);
    word = Math.imul(word, MIX);
    word = Math.imul(word ^ (word >>> 24), MIX);
    hash = Math.imul(hash, MIX) ^ word;
  }
  if (to > whole) {
    for (let at = to - 1; at >= whole; at -= 1) hash ^= (bytes[at] ?? 0) << (8 * (at - whole));
    hash = Math.imul(hash, MIX);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return hash ^ (hash >>> 15);
}
