import { systemClock } from '@convergekit/core';

export interface Sample {
  readonly atMs: number;
  readonly count: number;
}

/** Samples a count until it is `wanted`. `look` is called at each sample, and may throw to stop. */
export async function sampled(
  count: () => Promise<number>,
  wanted: number,
  {
    what,
    deadlineMs,
    look,
  }: {
    /** What the counted events do, for the error. */
    readonly what: string;
    readonly deadlineMs: number;
    readonly look?: ((sample: Sample) => void) | undefined;
  },
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const end = systemClock.monotonic() + deadlineMs;
  for (;;) {
    const sample = { count: await count(), atMs: systemClock.monotonic() };
    samples.push(sample);
    look?.(sample);
    if (sample.count >= wanted) return samples;
    if (sample.atMs > end)
      throw new Error(`only ${sample.count} of ${wanted} events ${what} in ${deadlineMs / 1000} s`);
    await systemClock.sleep(20);
  }
}

/**
 * Computes the time when the topic reached `count`, on a line between the two nearest samples. Returns NaN when it
 * never did.
 */
export function reachedAt(samples: readonly Sample[], count: number): number {
  const after = samples.findIndex((sample) => sample.count >= count);
  const later = samples[after];
  const earlier = samples[after - 1];
  if (later === undefined) return Number.NaN;
  if (earlier === undefined || later.count === earlier.count) return later.atMs;
  const share = (count - earlier.count) / (later.count - earlier.count);
  return earlier.atMs + share * (later.atMs - earlier.atMs);
}

export function rateBetween(samples: readonly Sample[], from: number, to: number): number {
  return ((to - from) / (reachedAt(samples, to) - reachedAt(samples, from))) * 1000;
}

/** The rate of each of `parts` equal parts of the way from 0 to `total`. */
export function ratesOfParts(samples: readonly Sample[], total: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, part) =>
    rateBetween(samples, Math.max(1, (total * part) / parts), (total * (part + 1)) / parts),
  );
}
