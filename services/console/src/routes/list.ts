import { type Column as Shown, schemaOf, type View } from '@convergekit/operate/registry';
import { z } from 'zod';
import { unreadSchema } from '../databases.ts';
import { html, type Html } from '../layout/html.ts';
import { type Column, dataTable, due, nextPage, state, unreadNote } from '../layout/parts.ts';
import { hideErrors } from '../payload.ts';
import type { ConsoleContext } from '../screen.ts';
import { where } from '../present-sql.ts';
import { compare, LIMIT, pageOf, readCursor } from '../screens/cursor.ts';
import { actPath, readableIn, sentenceOf } from './act.ts';

const MORE = { database: z.string().optional(), after: z.string().optional() };

/** A row of a list, and its database. */
export type Placed = Readonly<Record<string, unknown>> & { readonly database: string };
export type Given = Readonly<Record<string, unknown>> & { readonly database?: string };

interface ListOptions {
  /** The page of a row; its first cell is the link. */
  readonly href: (row: Placed) => string | undefined;
  /** The address of the list with a filter. */
  readonly address: (given: Given, more: Readonly<Record<string, string>>) => string;
  /** What stands above the table, such as acts on all that match. */
  readonly above: (given: Given, isEmpty: boolean) => Html;
  /** What can be done about a row. @default nothing */
  readonly acts?: (row: Placed, given: Given) => Html;
}

/** Defines the page and the JSON route of a list, over the databases that have its tables. */
export function defineList(
  context: ConsoleContext,
  list: View,
  { href, address, above, acts }: ListOptions,
): void {
  const { databases, payloads } = context;
  const { title, columns, empty } = list;
  const columnsOf = (input: Given, now: number): readonly Column<Placed>[] => [
    ...columns.map((column) => columnOf<Placed>(column, now)),
    ...(databases.names.length > 1 ? [{ title: 'Database', cell: ({ database }: Placed) => database }] : []),
    ...(acts === undefined
      ? []
      : [{ title: 'Acts', kind: 'acts' as const, cell: (row: Placed) => acts(row, input) }]),
  ];
  context.view({
    path: actPath(list.name),
    summary: sentenceOf(list.summary),
    input: schemaOf(list.input).extend(MORE),
    answer: z.object({
      rows: z.array(list.row.extend({ database: z.string() })),
      next: z.string().optional(),
      unread: unreadSchema,
    }),
    read: async (input, { visitor }) => {
      const { rows, ...rest } = await readPage(context, list, input);
      return { rows: hideErrors(rows, payloads, visitor), ...rest };
    },
    page: ({ rows, next, unread }, { now }, input) => ({
      title,
      body: html`${unreadNote(unread)} ${above(input, rows.length === 0)}
      ${dataTable<Placed>({
        caption: title,
        rows: rows as unknown as readonly Placed[],
        empty: sentenceOf(empty),
        href,
        columns: columnsOf(input, now),
      })}
      ${nextPage(next, (after) => address(input, { after }))}`,
    }),
  });
}

/** Reads one page of a list over the databases; a list without an order is read whole. */
async function readPage(context: ConsoleContext, list: View, given: Given) {
  const { order } = list;
  const place = z.object({ place: order?.place ?? z.never() });
  const after = readCursor(typeof given['after'] === 'string' ? given['after'] : undefined, place);
  const { isWhole, ...reads } = await readableIn(context, list, given.database);
  // A name may be in a database that cannot be read now.
  if (isWhole) await list.check?.(reads, given);
  const limit = order === undefined ? (list.most?.initial ?? Infinity) : LIMIT;
  const { rows, unread } = await context.databases.gather(
    where(list.tables.table, async (executor) => {
      const database = reads.databases.find((one) => one.executor === executor);
      return database === undefined ? [] : list.find(reads, database, given, { limit, after: after?.place });
    }),
    given.database,
  );
  if (order === undefined) return { rows, next: undefined, unread };
  const placed = rows.map((row) => ({ row, at: order.placeOf(row) }));
  const { page, next } = pageOf(
    placed.toSorted((a, b) => inOrder(a.at, b.at)),
    ({ at }) => ({ place: [...at] }),
  );
  return { rows: page.map(({ row }) => row), next, unread };
}

function inOrder(a: readonly string[], b: readonly string[]): number {
  for (const [at, text] of a.entries()) {
    const order = compare(text, b[at] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

/** A column of a list as a page shows it. */
export function columnOf<Row>({ title, kind, cell, sign }: Shown<Row>, now: number): Column<Row> {
  switch (kind) {
    case 'time':
      return {
        title,
        cell: (row) => {
          const at = cell(row);
          return at instanceof Date ? due(at, now) : null;
        },
      };
    case 'state':
      return { title, cell: (row) => state(sign?.(row) ?? 'ok', textOf(cell(row)) ?? '') };
    default:
      return { title, ...(kind !== undefined && { kind }), cell: (row) => textOf(cell(row)) };
  }
}

function textOf(value: ReturnType<Shown<never>['cell']>): string | undefined {
  if (value === null || value === undefined) return undefined;
  return value instanceof Date ? value.toISOString() : String(value);
}
