/**
 * The partition of a key, equal to the Java client's for keyed records, so that programs in other languages and
 * every driver here agree on where a key lives.
 * A record without a key goes to partition 0: the kit promises order per key, and spreading keyless records is a
 * choice that only the caller can make (an event always has a key).
 */
export function partitionOf(key: string | null, partitions: number): number {
  if (!Number.isInteger(partitions) || partitions < 1)
    throw new RangeError(`a topic has at least one partition, not ${partitions}`);
  if (key === null) return 0;
  // Java keeps the hash's lower 31 bits: `abs` would map the lowest integer to itself.
  return (murmur2(Buffer.from(key, 'utf8')) & 0x7fff_ffff) % partitions;
}

const SEED = 0x9747_b28c;
const MIX = 0x5bd1_e995;

/**
 * MurmurHash2, 32 bits, by Austin Appleby (public domain), in the variant of Kafka's
 * `org.apache.kafka.common.utils.Utils.murmur2` (Apache-2.0): little-endian words, seed 0x9747b28c.
 */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let hash = SEED ^ bytes.length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(view.getInt32(at, true), MIX);
    word = Math.imul(word ^ (word >>> 24), MIX);
    hash = Math.imul(hash, MIX) ^ word;
  }
  const rest = bytes.length - whole;
  if (rest > 0) {
    for (let index = rest - 1; index >= 0; index -= 1) hash ^= view.getUint8(whole + index) << (8 * index);
    hash = Math.imul(hash, MIX);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return hash ^ (hash >>> 15);
}
