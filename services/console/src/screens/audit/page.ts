import type { z } from 'zod';
import { html, type Html } from '../../layout/html.ts';
import {
  type Column,
  dataTable,
  filterForm,
  moment,
  nextPage,
  unreadNote,
  withQuery,
} from '../../layout/parts.ts';
import { eventPath } from '../../links.ts';
import type { PageContent } from '../../screen.ts';
import type { AuditInput, auditSchema } from './schemas.ts';

type Answer = z.output<typeof auditSchema>;
type Row = Answer['rows'][number];

const ACTIONS = [
  'parked',
  'consumers',
  'saga',
  'effects',
  'workflow',
  'reconcile',
  'policy',
  'outbox',
  'topics',
  'source',
  'payload',
];

/** The page of the audit. */
export function auditPage({ rows, next, databases, unread }: Answer, input: AuditInput): PageContent {
  const { by, action, about, database, from } = input;
  const filter = { by, action, about, database, from };
  const body = html`${unreadNote(unread)}
    ${filterForm('/audit', [
      { name: 'about', label: 'Event, key or subject', value: about },
      { name: 'by', label: 'By', value: by },
      { name: 'action', label: 'Action', value: action, options: ACTIONS },
      ...(databases.length > 1
        ? [{ name: 'database', label: 'Database', value: database, options: databases }]
        : []),
    ])}
    ${dataTable<Row>({
      caption: 'Acts of operators, the newest first',
      rows,
      empty: 'No act of an operator matches.',
      columns: columns(databases.length > 1),
    })}
    ${nextPage(next === undefined ? undefined : withQuery('/audit', { ...filter, before: next }))}
    <p class="quiet">
      <a href="${withQuery('/audit.jsonl', filter)}">Export as JSON lines</a> (10,000 rows at most).
    </p>`;
  return { title: 'Audit', body };
}

function columns(isMany: boolean): readonly Column<Row>[] {
  return [
    { title: 'At', cell: ({ at }) => moment(at) },
    { title: 'By', cell: (row) => row.by },
    { title: 'Action', cell: ({ action }) => action },
    { title: 'Subject', kind: 'wide', cell: ({ subject }) => subject },
    { title: 'Key', kind: 'code', cell: keyOf },
    { title: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
    ...(isMany ? [{ title: 'Database', cell: ({ database }: Row) => database }] : []),
    { title: 'Role', cell: ({ role }) => role },
  ];
}

function keyOf({ key, eventId }: Row): Html | string | null {
  if (eventId === null) return key;
  return html`<a data-row href="${eventPath(eventId)}">${key ?? eventId}</a>`;
}
