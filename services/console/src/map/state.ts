import type { AttentionItem } from '@convergekit/operate';
import type { StateKind } from '../layout/parts.ts';

/** The state of a thing on the map, by what an operator does about it. */
export type MapState = StateKind;

/** An entry of the list of what needs an operator or is late. */
export interface Concern {
  /** The name of its condition. */
  readonly alarm: string;
  readonly severity: 'act' | 'watch';
  readonly state?: 'paused' | 'given up';
  readonly database: string;
  readonly about: AttentionItem['about'];
}

/** The state of a thing by what the list has about it, so that map and list cannot disagree. Pure. */
export function stateOf(concerns: readonly Pick<Concern, 'severity' | 'state'>[]): MapState {
  if (concerns.some(({ severity }) => severity === 'act')) return 'needs';
  if (concerns.length === 0) return 'ok';
  return concerns.every(({ state }) => state === 'paused') ? 'off' : 'waits';
}

const ORDER: readonly MapState[] = ['ok', 'off', 'waits', 'needs'];

/** The worst of several states. Pure. */
export function worst(...states: readonly MapState[]): MapState {
  return ORDER[Math.max(...states.map((state) => ORDER.indexOf(state)))] ?? 'ok';
}
