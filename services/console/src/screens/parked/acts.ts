import { edit, list, replace, retry, skip } from '@convergekit/operate/parked';
import { actionLink } from '../../layout/parts.ts';
import { html } from '../../layout/html.ts';
import { parkedPath } from '../../links.ts';
import { defineAct } from '../../routes/act.ts';
import { defineList } from '../../routes/list.ts';
import type { ConsoleContext } from '../../screen.ts';
import { filtered, filterIn, retryAllPath } from './filter.ts';

/** Defines the list of parked events. */
export function parkedList(context: ConsoleContext): void {
  defineList(context, list, {
    href: ({ database, id }) => parkedPath({ database, id: String(id) }),
    address: (given, more) => filtered('/parked/list', filterIn(given), more),
    above: (given, isEmpty) =>
      isEmpty ? html`` : html`<p>${actionLink(retryAllPath(filterIn(given)), 'Retry all that match')}</p>`,
  });
}

/** Defines the acts on parked events. */
export function parkedActs(context: ConsoleContext): void {
  for (const act of [retry, edit, replace, skip])
    defineAct(context, act, {
      result: ({ database, id }) =>
        database !== undefined && typeof id === 'string'
          ? parkedPath({ database, id })
          : filtered('/parked', filterIn({ state: [], database })),
    });
}
