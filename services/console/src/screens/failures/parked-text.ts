import type { ParkedState } from '@convergekit/inbox/operate';
import { html, type Html } from '../../layout/html.ts';
import { state, type StateKind } from '../../layout/parts.ts';

const KINDS: Readonly<Record<ParkedState, StateKind>> = {
  waiting: 'waits',
  dead: 'needs',
  rejected: 'off',
  skipped: 'off',
  superseded: 'off',
  replaced: 'off',
};
const WORDS: Readonly<Record<ParkedState, string>> = {
  waiting: 'waits',
  dead: 'dead letter',
  rejected: 'rejected',
  skipped: 'skipped',
  superseded: 'superseded',
  replaced: 'replaced',
};

export function parkedState(word: ParkedState): Html {
  return state(KINDS[word], WORDS[word]);
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
