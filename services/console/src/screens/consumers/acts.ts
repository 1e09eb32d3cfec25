import {
  dropRegistered,
  fill,
  listGaps,
  listTypes,
  pause,
  replay,
  resume,
} from '@convergekit/operate/consumers';
import { actionLink, withQuery } from '../../layout/parts.ts';
import { html } from '../../layout/html.ts';
import { actPath, defineAct } from '../../routes/act.ts';
import { defineList, type Given } from '../../routes/list.ts';
import type { ConsoleContext } from '../../screen.ts';

const addressOf =
  (name: string) =>
  ({ database, consumer }: Given, more: Readonly<Record<string, string>>): string =>
    withQuery(actPath(name), { database, consumer: String(consumer), ...more });

/** Defines the acts on consumers, and the lists of its gaps and of the types that it has registered. */
export function consumerActs(context: ConsoleContext): void {
  for (const act of [pause, resume, fill, replay, dropRegistered])
    defineAct(context, act, {
      result: ({ database, consumer }) => withQuery('/consumers', { database, consumer: String(consumer) }),
    });
  defineList(context, listGaps, {
    href: () => undefined,
    address: addressOf(listGaps.name),
    above: () => html``,
  });
  defineList(context, listTypes, {
    href: () => undefined,
    address: addressOf(listTypes.name),
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
