/** Seen to fail without the escaping of: a cell, a cell with ids, a title, a caption, an address, a field of a filter. */
import { expect, it } from 'vitest';
import { actionLink, ago, dataTable, due, facts, filterForm, state, unreadNote, withQuery } from './parts.ts';

const hostile = (place: string): string => `${place}"><img src=x onerror='${place}'>&`;

it('a table, facts, a filter and a note show hostile text as text, wherever it comes from', async () => {
  const options = [hostile('option')];
  const parts = [
    dataTable({
      caption: hostile('caption'),
      rows: [{ name: hostile('cell'), id: `${hostile('id')} 01a21df2-a1e9-70d1-9933-58262513b140` }],
      href: () => hostile('/address'),
      columns: [
        { title: hostile('title'), cell: ({ name }) => name },
        { title: 'Id', kind: 'code', cell: ({ id }) => id },
      ],
    }),
    dataTable({ caption: '', rows: [], empty: hostile('empty'), columns: [] }),
    facts([[hostile('fact'), hostile('value')]]),
    filterForm(hostile('/action'), [
      { name: hostile('name'), label: hostile('label'), value: hostile('given') },
      { name: 'one', label: 'One', value: options[0], options, more: true },
    ]),
    state('ok', hostile('state')),
    actionLink(hostile('/link'), hostile('text')),
    unreadNote([{ database: hostile('database'), reason: hostile('reason') }]),
  ];
  const page = (await Promise.all(parts.map(async (part) => String(await part)))).join('\n');
  expect(page).not.toContain('<img');
  const places = 'caption cell id title empty fact value label given option reason'.split(' ');
  for (const place of places) expect(page).toContain(`${place}&quot;&gt;&lt;img`);
});

it('an address has its query encoded, and leaves out what is not given', () => {
  expect(withQuery('/sagas', { key: 'a&b="c', state: undefined, reason: '' })).toBe(
    '/sagas?key=a%26b%3D%22c',
  );
});

it('what has happened is never ahead, although the clock of its database is', async () => {
  const shown = async (html: unknown): Promise<string> => />([^<]*)</.exec(String(await html))?.[1] ?? '';
  const ahead = new Date(1_772);
  expect(await shown(ago(ahead, 1_000))).toBe('0 ms ago');
  expect(await shown(due(ahead, 1_000))).toBe('in 772 ms');
  expect(await shown(due(new Date(0), 1_000))).toMatch(/ ago$/);
});
