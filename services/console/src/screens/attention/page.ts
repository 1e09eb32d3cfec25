import { alarmText } from '@convergekit/cli/operate';
import { html, type Html, nothing } from '../../layout/html.ts';
import { ago, dataTable, state, unreadNote } from '../../layout/parts.ts';
import { shortIds } from '../../layout/short-ids.ts';
import { placeOf } from '../../links.ts';
import type { PageContent } from '../../screen.ts';
import type { AttentionAnswer } from './schemas.ts';

type Item = AttentionAnswer['items'][number];

/** The page of what needs attention: one calm line where nothing does. */
export function attentionPage(
  { items, checkedAt, databases, unread }: AttentionAnswer,
  now: number,
): PageContent {
  const act = items.filter(({ severity }) => severity === 'act').length;
  const body = html`${unreadNote(unread)}
  ${
    items.length === 0 && unread.length === 0
      ? html`<p class="note ok">
          ${state('ok', 'Nothing needs attention')} in ${databases.join(', ')}. Checked
          <time datetime="${checkedAt.toISOString()}" data-age>just now</time>.
        </p>`
      : summary(act, items.length - act, checkedAt)
  }
  ${items.length === 0 ? nothing : table(items, databases.length > 1, now)}`;
  return { title: 'Needs attention', body };
}

function summary(act: number, watch: number, checkedAt: Date): Html {
  return html`<p>
    ${act === 0 ? nothing : state('needs', act === 1 ? '1 needs an operator' : `${act} need an operator`)}
    ${watch === 0 ? nothing : state('waits', watch === 1 ? '1 is late' : `${watch} are late`)}
    <span class="quiet">Checked <time datetime="${checkedAt.toISOString()}" data-age>just now</time>.</span>
  </p>`;
}

function table(items: readonly Item[], isMany: boolean, now: number): Html {
  return dataTable<Item>({
    caption: 'The worst first, then the oldest',
    rows: items,
    empty: 'Nothing needs attention.',
    columns: [
      {
        title: 'State',
        cell: ({ severity }) => (severity === 'act' ? state('needs', 'needs you') : state('waits', 'late')),
      },
      { title: 'What', kind: 'wide', cell: ({ text }) => text },
      { title: 'Next', cell: nextOf },
      { title: 'Began', cell: ({ since }) => ago(since, now) },
      { title: 'Alarm', cell: ({ alarm }) => alarmLink(alarm) },
      ...(isMany ? [{ title: 'Database', cell: ({ database }: Item) => database }] : []),
    ],
  });
}

function alarmLink(alarm: string): Html {
  if (alarmText(alarm) === undefined) return html`<span class="code">${alarm}</span>`;
  return html`<a class="code" href="/alarms/${alarm}">${alarm}</a>`;
}

function nextOf(item: Item): Html {
  const place = placeOf(item, item.database);
  if (place === undefined) return html`<code>${shortIds(item.next)}</code>`;
  return html`<a data-row href="${place}">${ACTS[item.kind]}</a>`;
}

const ACTS: Readonly<Record<Item['kind'], string>> = {
  saga: 'Open the saga',
  saga_paused: 'Resume it',
  dead_letters: 'See the failures',
  parked: 'See the failures',
  partition: 'See the consumer',
  gap: 'See the consumer',
  stalled: 'See the consumer',
  relay: 'See the relay',
  reconciler: 'See the drift',
  call: 'See the command',
  workflow: 'See the command',
  worker: 'See the command',
  migrations: 'See the command',
};
