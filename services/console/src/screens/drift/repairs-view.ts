import { readOperatorAudit } from '@convergekit/operate';
import { readAudit } from '@convergekit/reconcile/operate';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import { dataTable, filterForm, moment, nextPage, withQuery } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { type RepairAnswer, repairSchema } from './answers.ts';
import { reconcilerPath, valueText, verdictState } from './parts.ts';
import { maskedPart } from '../../routes/look.ts';
import { toJson } from '../../routes/json.ts';
import { hiddenRepair } from './state-values.ts';
import { actsTable } from '../search/parts.ts';
import { shownAct } from '../search/read-search.ts';
import { actSchema } from '../search/schemas.ts';

const ROWS = 50;
/** The acts of operators that are looked through. */
const MOST_ACTS = 1_000;

const input = z.object({
  database: z.string(),
  name: z.string(),
  key: z.string().optional(),
  before: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
});

/** Defines the history of a reconciler: repairs, verdicts that were no repair, acts of operators. */
export function repairsView({ view, look, databases, payloads }: ConsoleContext): void {
  view({
    path: '/drift/:database/:name/repairs',
    summary: 'The repairs and verdicts of a reconciler, the newest first, and the acts of operators on it',
    input,
    answer: z.object({
      repairs: z.array(repairSchema),
      /** The newest acts of operators, on the first page. */
      acts: z.array(actSchema),
      next: z.string().nullable(),
    }),
    read: async ({ database, name, key, before }) => {
      const { executor } = databases.get(database);
      const found = await readAudit(executor, name, { key, before, limit: ROWS + 1 });
      const repairs = found.slice(0, ROWS).map((one) => hiddenRepair(one, payloads));
      const on = { kind: 'reconciler', id: name } as const;
      const newest = before === undefined ? await readOperatorAudit(executor, { on }, MOST_ACTS) : [];
      const acts = newest
        .filter((act) => key === undefined || act.before['key'] === undefined || act.before['key'] === key)
        .slice(0, ROWS)
        .map((act) => ({ ...shownAct(act), database }));
      return { repairs, acts, next: found.length > ROWS ? (repairs.at(-1)?.id ?? null) : null };
    },
    page: ({ repairs, acts, next }, { visitor }, given) => {
      const path = reconcilerPath(given, '/repairs');
      const of = { database: given.database, reconciler: given.name };
      const values = withQuery(`${path}/values`, { key: given.key, before: given.before });
      const body = html`<p><a href="${reconcilerPath(given)}">Divergent keys of ${given.name}</a></p>
        ${repairs.length === 0 ? nothing : maskedPart(visitor, payloads, of, values)}
        ${filterForm(path, [{ name: 'key', label: 'Key', value: given.key }])}
        ${repairTable(repairs, `Repairs and verdicts of ${given.name}`)}
        ${nextPage(next, (before) => withQuery(path, { key: given.key, before }))} ${actsTable(acts)}`;
      return { title: `Repairs of ${given.name}`, body };
    },
  });
  look({
    path: '/drift/:database/:name/repairs/values',
    summary: 'The repairs and verdicts of a reconciler with the states before and after in full',
    input,
    read: async ({ database, name, key, before }) => {
      const found = await readAudit(databases.get(database).executor, name, { key, before, limit: ROWS });
      return {
        database: databases.get(database),
        of: { reconciler: name },
        record: { act: 'state look', subject: name, before: { key } },
        subject: `repairs of ${name}`,
        payload: toJson(found),
        body: repairTable(found, `Repairs and verdicts of ${name}`),
      };
    },
  });
}

/** A table of repairs and verdicts, the newest first. */
export function repairTable(
  rows: readonly (RepairAnswer & { readonly reconciler?: string })[],
  caption: string,
): Html {
  return dataTable({
    caption,
    rows,
    empty: 'Nothing was repaired, and no verdict was recorded.',
    href: ({ key }) => (key === null ? undefined : withQuery('/drift/key', { key })),
    columns: [
      { title: 'Key', cell: ({ key }) => key ?? 'all keys' },
      ...(rows.some(({ reconciler }) => reconciler !== undefined)
        ? [{ title: 'Reconciler', cell: ({ reconciler }: { readonly reconciler?: string }) => reconciler }]
        : []),
      { title: 'At', cell: ({ at }) => moment(at) },
      { title: 'Verdict', cell: ({ verdict }) => resultOf(verdict) },
      { title: 'Before', kind: 'code', cell: ({ before }) => (before === null ? null : valueText(before)) },
      { title: 'After', kind: 'code', cell: ({ after }) => (after === null ? null : valueText(after)) },
      { title: 'Why', kind: 'wide', cell: ({ why }) => why },
      { title: 'Cause', kind: 'wide', cell: ({ cause }) => cause },
      { title: 'By', cell: ({ actor }) => actor },
    ],
  });
}

function resultOf(verdict: string): Html | string {
  return verdict === 'repaired' ? verdict : verdictState(verdict);
}
