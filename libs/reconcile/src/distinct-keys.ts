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
