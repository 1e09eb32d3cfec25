/** A source of numbers in [0, 1). Jitter and sampling take it as an argument. */
export type Random = () => number;

/**
 * The random numbers of the machine. Production code passes it; a test passes `seededRandom(seed)`.
 * @example
 * ```ts
 * import { systemClock, systemRandom } from 'convergekit';
 * import { withTransaction } from 'convergekit/postgres';
 * import { database } from './shop.ts';
 *
 * await withTransaction(database, { clock: systemClock, random: systemRandom }, async (tx) => {
 *   await tx.query('update stock set reserved = reserved + 1 where sku = $1', ['cup']);
 * });
 * ```
 */
export const systemRandom: Random = () => Math.random();

/**
 * Creates a seeded generator with the same sequence on every machine.
 * The algorithm is mulberry32 (public domain, Tommy Ettinger) with 32 bits of state. It suits jitter and test data,
 * not secrets.
 * @example
 * ```ts
 * import { seededRandom } from '@convergekit/testing';
 *
 * const random = seededRandom(7);
 * const cents = Math.floor(random() * 10_000); // the same on every machine
 * ```
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
