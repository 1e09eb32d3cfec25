import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from './partitioner.ts';

interface Vectors {
  readonly keys: readonly string[];
  readonly hashes: readonly number[];
  /** The expected partitions by partition count, in the order of the keys. */
  readonly partitions: Readonly<Record<string, readonly number[]>>;
}

/** Made by the Java client's own code: see vectors/PartitionVectors.java. */
const { keys, hashes, partitions } = JSON.parse(
  readFileSync(new URL('../vectors/partition-vectors.json', import.meta.url), 'utf8'),
) as Vectors;

describe('partitionOf', () => {
  it('murmur2 hashes 2,000 keys as the Java client does', () => {
    expect(keys).toHaveLength(2_000);
    expect(keys.map((key) => murmur2(Buffer.from(key, 'utf8')))).toEqual(hashes);
  });

  it.each(Object.keys(partitions))(
    'C2: partitionOf maps 2,000 keys to the partitions of the Java client, of %s partitions',
    (count) => {
      expect(keys.map((key) => partitionOf(key, Number(count)))).toEqual(partitions[count]);
    },
  );

  it('the vectors include negative hashes, for which an absolute value would be wrong', () => {
    expect(hashes.filter((hash) => hash < 0).length).toBeGreaterThan(500);
  });

  it('partitionOf maps a record without a key to partition 0', () => {
    expect(partitionOf(null, 12)).toBe(0);
  });

  it('partitionOf refuses a topic without partitions', () => {
    expect(() => partitionOf('a', 0)).toThrow(RangeError);
  });
});
