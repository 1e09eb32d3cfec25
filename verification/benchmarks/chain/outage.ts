import { systemClock } from '@convergekit/core';
import { type Chain, type Style, startChain } from './chain.ts';

export interface Outage {
  readonly callsPerSecond: number;
  readonly beforeMs: number;
  readonly downMs: number;
  readonly afterMs: number;
}

export interface Moment {
  /** The time since the leaf went down, in milliseconds; negative before. */
  readonly atMs: number;
  readonly calls: number;
  readonly answered: number;
  readonly requests: number;
}

/** Makes calls at a steady rate, whatever their outcome, while the leaf goes down and returns. Samples every 100 ms. */
export async function playOutage(style: Style, outage: Outage): Promise<readonly Moment[]> {
  const chain = await startChain(style);
  try {
    return await play(chain, outage);
  } finally {
    await chain.close();
  }
}

async function play(chain: Chain, { callsPerSecond, beforeMs, downMs, afterMs }: Outage): Promise<Moment[]> {
  const moments: Moment[] = [];
  const began = systemClock.monotonic();
  const under = new Set<Promise<void>>();
  let [calls, answered] = [0, 0];
  for (;;) {
    const atMs = systemClock.monotonic() - began - beforeMs;
    chain.leaf.down = atMs >= 0 && atMs < downMs;
    for (; calls < ((atMs + beforeMs) / 1000) * callsPerSecond; calls += 1) {
      const one = chain.call().then((good) => void (answered += Number(good)));
      under.add(one);
      void one.then(() => under.delete(one));
    }
    if (atMs - (moments.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= 100)
      moments.push({ atMs, calls, answered, requests: chain.leaf.requests });
    if (atMs >= downMs + afterMs) break;
    await systemClock.sleep(5);
  }
  await Promise.all(under);
  return moments;
}

/** Requests that reached the leaf for each call that was made, between two moments. */
export function loadBetween(moments: readonly Moment[], fromMs: number, toMs: number): number {
  const first = moments.findLast(({ atMs }) => atMs <= fromMs) ?? moments[0];
  const last = moments.findLast(({ atMs }) => atMs <= toMs);
  if (first === undefined || last === undefined || last.calls === first.calls) return Number.NaN;
  return (last.requests - first.requests) / (last.calls - first.calls);
}

/** The load of each second that ends in the span, by the end of the second. */
export function loadOfSeconds(
  moments: readonly Moment[],
  fromMs: number,
  toMs: number,
): readonly (readonly [atMs: number, load: number])[] {
  return moments
    .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
    .map(({ atMs }) => [atMs, loadBetween(moments, atMs - 1000, atMs)] as const)
    .filter(([, load]) => Number.isFinite(load));
}

/**
 * Computes the recovery time after the leaf's return, in milliseconds. It ends with the first second of normal load;
 * NaN means never.
 */
export function backAfterMs(moments: readonly Moment[], downMs: number): number {
  const last = moments.at(-1)?.atMs ?? 0;
  const back = loadOfSeconds(moments, downMs + 1000, last).find(([, load]) => load >= 0.95 && load <= 1.1);
  return back === undefined ? Number.NaN : back[0] - downMs;
}
