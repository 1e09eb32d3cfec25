import { z } from 'zod';
import { unreadSchema } from '../../databases.ts';
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

const rowSchema = z.object({
  id: z.string(),
  at: z.string(),
  by: z.string(),
  role: z.string(),
  act: z.string(),
  subjectKind: z.string(),
  subject: z.string(),
  before: z.record(z.string(), z.unknown()),
  after: z.record(z.string(), z.unknown()),
  /** The subject with its place, and what was done, in words. */
  about: z.string(),
  what: z.string(),
  reason: z.string(),
  database: z.string(),
});

export const auditSchema = z.object({
  rows: z.array(rowSchema),
  /** The cursor of the next page; absent on the last one. */
  next: z.string().optional(),
  databases: z.array(z.string()),
  unread: unreadSchema,
});

export const inputSchema = z.object({
  by: z.string().optional(),
  act: z.string().optional(),
  about: z.string().optional(),
  database: z.string().optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  before: z.string().optional(),
});

export type AuditInput = z.output<typeof inputSchema>;

type Answer = z.output<typeof auditSchema>;
type Row = Answer['rows'][number];

const NOUNS = [
  'parked',
  'consumers',
  'saga',
  'call',
  'workflow',
  'reconcile',
  'policy',
  'outbox',
  'topics',
  'source',
  'payload',
  'state',
];

/** The page of the audit. */
export function auditPage({ rows, next, databases, unread }: Answer, input: AuditInput): PageContent {
  const { by, act, about, database, from } = input;
  const filter = { by, act, about, database, from };
  const body = html`${unreadNote(unread)}
    ${filterForm('/audit', [
      { name: 'about', label: 'Event, key, topic or subject', value: about },
      { name: 'by', label: 'By', value: by },
      { name: 'act', label: 'Act', value: act, options: NOUNS },
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
    ${nextPage(next, (before) => withQuery('/audit', { ...filter, before }))}
    <p class="quiet">
      <a href="${withQuery('/audit.jsonl', filter)}">Export as JSON lines</a> (10,000 rows at most).
    </p>`;
  return { title: 'Audit', body };
}

function columns(isMany: boolean): readonly Column<Row>[] {
  return [
    { title: 'At', cell: ({ at }) => moment(new Date(at)) },
    { title: 'By', cell: (row) => row.by },
    { title: 'Act', cell: ({ act }) => act },
    { title: 'Subject', kind: 'wide', cell: subjectOf },
    { title: 'What', kind: 'wide', cell: ({ what }) => what },
    { title: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
    ...(isMany ? [{ title: 'Database', cell: ({ database }: Row) => database }] : []),
    { title: 'Role', cell: ({ role }) => role },
  ];
}

function subjectOf({ subjectKind: kind, subject, about }: Row): Html | string {
  if (kind !== 'event') return about;
  return html`<a data-row href="${eventPath(subject)}">${about}</a>`;
}
