import type { StateKind } from '../layout/parts.ts';

/** The state of a thing on the map, by what an operator does about it. */
export type MapState = StateKind;

/** An entry of the list of what needs an operator or is late. */
export interface Concern {
  readonly kind: string;
  readonly severity: 'act' | 'watch';
  readonly database: string;
  readonly about: Readonly<Record<string, string | undefined>>;
}

/** The state of a thing by what the list has about it, so that map and list cannot disagree. Pure. */
export function stateOf(concerns: readonly Pick<Concern, 'kind' | 'severity'>[]): MapState {
  if (concerns.some(({ severity }) => severity === 'act')) return 'needs';
  if (concerns.length === 0) return 'ok';
  return concerns.every(({ kind }) => kind.endsWith('_paused')) ? 'off' : 'waits';
}

const ORDER: readonly MapState[] = ['ok', 'off', 'waits', 'needs'];

/** The worst of several states. Pure. */
export function worst(...states: readonly MapState[]): MapState {
  return ORDER[Math.max(...states.map((state) => ORDER.indexOf(state)))] ?? 'ok';
}
