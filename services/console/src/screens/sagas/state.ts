import type { FenceView, InstanceState } from '@convergekit/saga/operate';
import type { Html } from '../../layout/html.ts';
import { state, type StateKind } from '../../layout/parts.ts';

const INSTANCE: Readonly<Record<InstanceState, StateKind>> = {
  running: 'waits',
  completed: 'ok',
  compensating: 'waits',
  compensated: 'off',
  stuck: 'needs',
  expired: 'needs',
};

/** The state of a saga, by what an operator does about it. */
export function stateOf(word: InstanceState): Html {
  return state(INSTANCE[word], word);
}

const STEP: Readonly<Record<FenceView['state'], StateKind>> = {
  started: 'waits',
  applied: 'ok',
  rejected: 'off',
  failed_not_applied: 'off',
  failed_applied: 'waits',
  unknown: 'waits',
  tombstoned: 'off',
  undo_pending: 'waits',
  undone: 'off',
  stuck: 'needs',
};

export const STEP_STATES = Object.keys(STEP) as FenceView['state'][];

/** The state of a step; one that waits for an operator says so, whatever its state. */
export function stepState({ state: word, stuckSince }: Pick<FenceView, 'state' | 'stuckSince'>): Html {
  return state(stuckSince === null ? STEP[word] : 'needs', word.replaceAll('_', ' '));
}
