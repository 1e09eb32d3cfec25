import { z } from 'zod';
import { addressOf, conditionOf } from '@convergekit/operate';
import { unreadSchema } from '../../databases.ts';
import { html, type Html, nothing } from '../../layout/html.ts';
import { ago, dataTable, facts, state, unreadNote } from '../../layout/parts.ts';
import { shortIds } from '../../layout/short-ids.ts';
import { mapOf } from '../../map/map-svg.ts';
import { mapSchema } from '../../map/read-map.ts';
import type { PageContent } from '../../screen.ts';

const text = z.string().optional();

const itemSchema = z.object({
  severity: z.enum(['act', 'watch']),
  alarm: z.string(),
  text: z.string(),
  since: z.date().nullable(),
  next: z.string(),
  page: z.object({ does: z.string(), path: z.string() }).optional(),
  state: z.enum(['paused', 'given up']).optional(),
  about: z.object({ consumer: text, topic: text, reconciler: text, name: text, id: text }),
  database: z.string(),
});

export const attentionSchema = z.object({
  map: mapSchema,
  items: z.array(itemSchema),
  checkedAt: z.date(),
  databases: z.array(z.string()),
  unread: unreadSchema,
});

type AttentionAnswer = z.output<typeof attentionSchema>;

export const alarmSchema = z.object({ name: z.string(), means: z.string(), next: z.string() });

type Item = AttentionAnswer['items'][number];

/** The page of what needs attention: one calm line where nothing does. */
export function attentionPage(
  { map, items, checkedAt, databases, unread }: AttentionAnswer,
  now: number,
): PageContent {
  const body = html`<p class="note needs" role="alert" data-stale hidden></p>
    <div data-refresh="${REFRESH_MS}">
      ${unreadNote(unread)}
      ${
        items.length === 0 && unread.length === 0
          ? html`<p class="note ok">
              ${state('ok', 'Nothing needs attention')} in ${databases.join(', ')}. Checked
              ${checked(checkedAt)}.
            </p>`
          : summary(items, checkedAt)
      }
      ${mapOf(map)} ${items.length === 0 ? nothing : table(items, databases.length > 1, now)}
    </div>`;
  return { title: 'Needs attention', body, script: 'home.js' };
}

/** The time between two refreshes of the page in a browser. It is marked as old after three of them, in milliseconds. */
const REFRESH_MS = 10_000;

/** When the page was made. A script turns it into its age; without one it stays true as well. */
function checked(at: Date): Html {
  return html`<time datetime="${at.toISOString()}" data-age>at ${at.toISOString().slice(11, 19)} UTC</time>`;
}

function summary(items: readonly Item[], checkedAt: Date): Html {
  const act = items.filter(({ severity }) => severity === 'act').length;
  const watch = items.length - act;
  return html`<p>
    ${act === 0 ? nothing : state('needs', act === 1 ? '1 needs an operator' : `${act} need an operator`)}
    ${watch === 0 ? nothing : state('waits', watch === 1 ? '1 to watch' : `${watch} to watch`)}
    <span class="quiet">Checked ${checked(checkedAt)}.</span>
  </p>`;
}

function table(items: readonly Item[], isMany: boolean, now: number): Html {
  return dataTable<Item>({
    caption: 'The worst first, then the oldest',
    rows: items,
    empty: 'Nothing needs attention.',
    columns: [
      { title: 'State', cell: stateOf },
      { title: 'What', kind: 'wide', cell: ({ text }) => text },
      { title: 'Next', cell: nextOf },
      { title: 'Began', cell: ({ since }) => ago(since, now) },
      { title: 'Alarm', cell: ({ alarm }) => alarmLink(alarm) },
      ...(isMany ? [{ title: 'Database', cell: ({ database }: Item) => database }] : []),
    ],
  });
}

function stateOf({ severity, state: word }: Item): Html {
  if (severity === 'act') return state('needs', 'needs you');
  return word === undefined ? state('waits', 'late') : state('off', word);
}

function alarmLink(alarm: string): Html {
  if (conditionOf(alarm) === undefined) return html`<span class="code">${alarm}</span>`;
  return html`<a class="code" href="/alarms/${alarm}">${alarm}</a>`;
}

function nextOf({ page, database, next }: Item): Html {
  if (page === undefined) return html`<code>${shortIds(next)}</code>`;
  return html`<a data-row href="${addressOf(page, database)}">${page.does}</a>`;
}

/** The page of an alarm, as docs/guides/alarms.md has it. */
export function alarmPage({ name, means, next }: z.output<typeof alarmSchema>): PageContent {
  const body = html`${facts([
      ['It means', means],
      ['Next step', next.replaceAll('`', '')],
    ])}
    <p class="quiet">All alarms: docs/guides/alarms.md. <a href="/">What needs attention now</a></p>`;
  return { title: `Alarm ${name}`, body };
}
