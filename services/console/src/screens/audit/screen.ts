import { describeAct, readOperatorAudit } from '@convergekit/operate';
import { invalidInput } from '../../errors.ts';
import { toJson } from '../../routes/json.ts';
import type { App, ConsoleContext, Screen } from '../../screen.ts';
import { inputOf, instant } from '../../routes/input.ts';
import { compare } from '../cursor.ts';
import { type AuditInput, auditPage, auditSchema, inputSchema } from './page.ts';

const PAGE = 100;
/** The rows of an export. A longer one continues with `from` and `before`. */
const EXPORT = 10_000;

/** The audit of operators: who did what and why. */
export const audit: Screen = {
  name: 'audit',
  title: 'Audit',
  path: '/audit',
  summary: 'who did what and why: filter, and export as JSON lines',
  routes: [auditRoutes],
};

function auditRoutes(context: ConsoleContext, app: App): void {
  context.view({
    path: '/audit',
    summary: 'Acts of operators, the newest first',
    input: inputSchema,
    answer: auditSchema,
    read: async (input) => ({
      ...(await readPage(context, input, PAGE)),
      databases: [...context.databases.names],
    }),
    page: (answer, _, input) => auditPage(answer, input),
  });
  app.get('/audit.jsonl', async (c) => {
    const { rows } = await readPage(context, inputOf(c, inputSchema), EXPORT);
    return c.body(rows.map((row) => `${toJson(row)}\n`).join(''), 200, {
      'content-type': 'application/jsonl; charset=utf-8',
      'content-disposition': 'attachment; filename="audit.jsonl"',
    });
  });
}

async function readPage({ databases }: ConsoleContext, input: AuditInput, limit: number) {
  const { by, act, about, database, from, before } = input;
  const filter = {
    by,
    act,
    about,
    from: from === undefined ? undefined : new Date(from),
    before: cursorOf(before),
  };
  const { rows, unread } = await databases.gather(
    (executor) => readOperatorAudit(executor, filter, limit + 1),
    database,
  );
  const newest = rows.toSorted((a, b) => compare(b.at, a.at) || compare(b.id, a.id));
  const page = newest.slice(0, limit).map((row) => {
    const { subject, what } = describeAct(row);
    return { ...row, about: subject, what };
  });
  const last = page.at(-1);
  return {
    rows: page,
    next: last !== undefined && newest.length > limit ? `${last.at}~${last.id}` : undefined,
    unread,
  };
}

/** Reads a cursor: the time and the id of the last row shown. */
function cursorOf(text: string | undefined): { readonly at: string; readonly id: string } | undefined {
  if (text === undefined) return undefined;
  const [, at = '', id = ''] = /^([^~]+)~(\d{1,18})$/.exec(text) ?? [];
  if (!instant.safeParse(at).success)
    throw invalidInput('`before` is no cursor of an audit: open /audit again');
  return { at, id };
}
