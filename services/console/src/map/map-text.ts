import type { MapNode } from './graph.ts';

const STATES = { ok: '', waits: 'late', needs: 'needs you', off: 'paused' } as const;

/** The second line of a box: what is wrong, then what flows and waits. Pure. */
export function lineOf({ state, note, perSecond, lag }: Omit<MapNode, 'id' | 'href'>): string {
  const parts = [
    note === '' ? STATES[state] : note,
    perSecond > 0 ? rateText(perSecond) : '',
    lag === null || lag === 0 ? '' : `${compact(lag)} wait`,
  ];
  return parts.filter((part) => part !== '').join(' · ') || 'quiet';
}

/** A text that ends with an ellipsis where it is longer than that many characters. Pure. */
export const short = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;

/** A rate in plain units: a second, or a minute where a second has less than one. Pure. */
export function rateText(perSecond: number): string {
  return perSecond >= 1 ? `${compact(perSecond)}/s` : `${compact(perSecond * 60)}/min`;
}

/** A number in three digits at most: 0.4, 12, 1.2k, 3M. Pure. */
export function compact(value: number): string {
  if (value >= 999_500) return `${rounded(value / 1e6)}M`;
  return value >= 999.5 ? `${rounded(value / 1e3)}k` : rounded(value);
}

const rounded = (value: number): string =>
  String(value >= 9.95 ? Math.round(value) : Math.round(value * 10) / 10);
