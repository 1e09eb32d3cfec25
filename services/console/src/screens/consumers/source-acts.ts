import { accept, again, disown, forget, listOutbox, rebase } from '@convergekit/operate/source';
import { html } from '../../layout/html.ts';
import { withQuery } from '../../layout/parts.ts';
import { eventPath } from '../../links.ts';
import { actPath, defineAct } from '../../routes/act.ts';
import { defineList } from '../../routes/list.ts';
import type { ConsoleContext } from '../../screen.ts';

/** Defines the acts on sources, their topics and their outboxes, and the list of an outbox. */
export function sourceActs(context: ConsoleContext): void {
  for (const act of [accept, forget, rebase, disown, again])
    defineAct(context, act, { result: () => '/consumers' });
  defineList(context, listOutbox, {
    href: ({ eventId }) => eventPath(String(eventId)),
    address: ({ database }, more) => withQuery(actPath(listOutbox.name), { database, ...more }),
    above: () => html``,
  });
}
