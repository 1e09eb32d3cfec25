import type { ParkedState } from '@convergekit/inbox/operate';
import { html, type Html } from '../../layout/html.ts';
import { state, type StateKind } from '../../layout/parts.ts';

const STATES: Readonly<Record<ParkedState, readonly [kind: StateKind, word: string]>> = {
  waiting: ['waits', 'waits'],
  dead: ['needs', 'dead letter'],
  rejected: ['off', 'rejected'],
  skipped: ['off', 'skipped'],
  superseded: ['off', 'superseded'],
  replaced: ['off', 'replaced'],
};

export function parkedState(name: ParkedState): Html {
  return state(...STATES[name]);
}

/** A failure in words; an event that was not attempted waits behind another one of its key. */
export function failureText({
  category,
  code,
  shape,
  structural,
}: {
  readonly category: string | null;
  readonly code: string | null;
  readonly shape: string | null;
  readonly structural: boolean;
}): Html {
  if (code === null) return html`<span class="quiet">behind another event of its key</span>`;
  return html`<strong>${category} ${code}</strong>${structural ? ' (waiting does not fix it)' : ''}:
    ${shape ?? ''}`;
}
