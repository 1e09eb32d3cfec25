import { formatMs } from '@convergekit/operate/text';

export interface Axis {
  /** The place of a moment, in pixels. */
  readonly x: (at: number) => number;
  /** The right end, in pixels. */
  readonly end: number;
  readonly ticks: readonly { readonly x: number; readonly text: string }[];
}

/** The least distance between two labels, in pixels. */
const LABEL = 74;

/**
 * Makes an axis on which both milliseconds and hours can be seen (pure): each gap between two moments gets a width that grows
 * with the logarithm of its length. The order is kept, and the labels say the true times.
 */
export function axisOf(
  times: readonly number[],
  { from, width }: { readonly from: number; readonly width: number },
): Axis {
  const moments = [...new Set(times)].toSorted((a, b) => a - b);
  const [first = 0] = moments;
  const weights = moments.slice(1).map((at, index) => Math.log10(1 + at - (moments[index] ?? at)) + 0.15);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const scale = total === 0 ? 0 : width / total;
  const places = new Map([[first, from]]);
  let x = from;
  for (const [index, weight] of weights.entries()) {
    x += weight * scale;
    places.set(moments[index + 1] ?? first, x);
  }
  const ticks: { readonly x: number; readonly text: string }[] = [];
  for (const [at, place] of places) {
    const last = ticks.at(-1);
    if (last !== undefined && place - last.x < LABEL) continue;
    ticks.push({ x: round(place), text: last === undefined ? 'start' : `+${formatMs(at - first)}` });
  }
  return { x: (at) => round(places.get(at) ?? between(places, at)), end: round(x), ticks };
}

/** A moment that is none of the axis: the place of the last one before it. */
function between(places: ReadonlyMap<number, number>, at: number): number {
  const before = [...places].filter(([moment]) => moment <= at).at(-1) ?? [...places][0];
  return before?.[1] ?? 0;
}

const round = (value: number): number => Math.round(value * 10) / 10;
