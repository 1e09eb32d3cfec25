import { accept, again, disown, forget, rebase } from '@convergekit/operate/source';
import { defineAct } from '../../routes/act.ts';
import type { ConsoleContext } from '../../screen.ts';

/** Defines the acts on sources, their topics and their outboxes. */
export function sourceActs(context: ConsoleContext): void {
  for (const act of [accept, forget, rebase, disown, again])
    defineAct(context, act, { result: () => '/consumers' });
}
