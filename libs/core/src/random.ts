/** A source of numbers in [0, 1). Jitter and sampling take it as an argument. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();

/**
 * A seeded generator, the same sequence for the same seed on every machine.
 * Source: mulberry32 (public domain, Tommy Ettinger); state of 32 bits, good enough for jitter and test data,
 * not for secrets.
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
