import type { MeasuredPage } from './pages.ts';

export interface Measured extends MeasuredPage {
  readonly status: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly worstMs: number;
  readonly bytes: number;
}

const REQUESTS = 6;

/** Requests a page several times, one after the other, until the whole of it was read. */
export async function measure(origin: string, page: MeasuredPage): Promise<Measured> {
  const times: number[] = [];
  let [status, bytes] = [0, 0];
  for (let request = 0; request < REQUESTS; request += 1) {
    const began = performance.now();
    const response = await fetch(`${origin}${page.path}`);
    bytes = (await response.arrayBuffer()).byteLength;
    times.push(Math.round(performance.now() - began));
    status = Math.max(status, response.status);
  }
  const sorted = times.toSorted((a, b) => a - b);
  return {
    ...page,
    status,
    firstMs: times[0] ?? 0,
    medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    worstMs: sorted.at(-1) ?? 0,
    bytes,
  };
}
