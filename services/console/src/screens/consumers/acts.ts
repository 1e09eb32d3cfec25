import { dropRegistered, fill, listTypes, pause, replay, resume } from '@convergekit/operate/consumers';
import { actionLink, withQuery } from '../../layout/parts.ts';
import { html } from '../../layout/html.ts';
import { actPath, defineAct } from '../../routes/act.ts';
import { defineList } from '../../routes/list.ts';
import type { ConsoleContext } from '../../screen.ts';

/** Defines the acts on consumers, and the list of the types that one has registered. */
export function consumerActs(context: ConsoleContext): void {
  for (const act of [pause, resume, fill, replay, dropRegistered])
    defineAct(context, act, {
      result: ({ database, consumer }) => withQuery('/consumers', { database, consumer: String(consumer) }),
    });
  defineList(context, listTypes, {
    href: () => undefined,
    address: ({ database, consumer }, more) =>
      withQuery(actPath(listTypes.name), { database, consumer: String(consumer), ...more }),
    above: () => html``,
    acts: ({ database, topic, type }, { consumer }) =>
      actionLink(
        withQuery(actPath(dropRegistered.name), {
          database,
          consumer: String(consumer),
          topic: String(topic),
          type: String(type),
        }),
        dropRegistered.title,
      ),
  });
}
