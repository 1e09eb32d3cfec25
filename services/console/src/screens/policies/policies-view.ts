import { readPolicyHistory, readPolicyRules } from '@convergekit/postgres/operate';
import { history } from '@convergekit/operate/policy';
import { formatMs } from '@convergekit/operate/text';
import type { Executor } from '@convergekit/postgres';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import { dataTable, filterForm, unreadNote } from '../../layout/parts.ts';
import { sentenceOf } from '../../routes/act.ts';
import { columnOf } from '../../routes/list.ts';
import type { ConsoleContext } from '../../screen.ts';
import { errorChart } from './error-chart.ts';
import { aroundSchema, rateSchema, readErrorRate, withAround } from './error-rate.ts';
import { unreadSchema } from '../../databases.ts';

const CHANGES = 50;

export const changeSchema = history.row.extend({
  /** Failed attempts in equal times before and after the change; null = it is older than the chart. */
  around: aroundSchema.nullable(),
});

const databaseSchema = z.object({
  database: z.string(),
  rules: z.array(z.object({ name: z.string(), version: z.number(), change: z.unknown() })),
  changes: z.array(changeSchema),
  rate: rateSchema,
});

type DatabaseAnswer = z.output<typeof databaseSchema>;

/** Defines the list of central policies: their rules, and their changes beside the failed attempts. */
export function policiesView({ view, databases }: ConsoleContext): void {
  view({
    path: '/policies',
    summary: 'The central policies of each database: rules, changes, and failed attempts over time',
    input: z.object({
      database: z.string().optional(),
      hours: z.coerce.number().int().min(1).max(720).default(24),
    }),
    answer: z.object({
      databases: z.array(databaseSchema),
      unread: unreadSchema,
    }),
    read: async ({ database, hours }, { now }) => {
      const { rows, unread } = await databases.gather(
        async (executor) => [await readPolicies(executor, { now, hours })],
        database,
      );
      return { databases: rows, unread };
    },
    page: ({ databases: found, unread }, { now }, { database, hours }) => ({
      title: 'Policies',
      body: html`${filterForm('/policies', [
        {
          name: 'hours',
          label: 'Hours',
          value: String(hours),
          options: ['1', '6', '24', '72', '168', '720'],
        },
        { name: 'database', label: 'Database', value: database, options: databases.names },
      ])}
      ${unreadNote(unread)} ${found.map((one) => databasePart(one, hours, now))}`,
    }),
  });
}

async function readPolicies(
  executor: Executor,
  time: { readonly now: number; readonly hours: number },
): Promise<Omit<z.input<typeof databaseSchema>, 'database'>> {
  const rules = await readPolicyRules(executor);
  const rate = await readErrorRate(executor, time);
  const changes = await readPolicyHistory(executor, { limit: CHANGES });
  return {
    rules: rules.map(({ name, version, change }) => ({ name, version, change })),
    changes: await withAround(executor, changes, rate),
    rate,
  };
}

function databasePart({ database, rules, changes, rate }: DatabaseAnswer, hours: number, now: number): Html {
  const path = (name: string): string =>
    `/policies/${encodeURIComponent(database)}/${encodeURIComponent(name)}`;
  return html`<h2>${database}</h2>
    ${errorChart(rate, changes, `Failed attempts in ${database} in ${hours} h, and changes of policies`)}
    ${changeForm(database)}
    ${changes.length === 0 ? nothing : changeTable(changes, `Changes of policies in ${database}, the newest first`, path, now)}
    ${dataTable({
      caption: `Rules of the central table in ${database}`,
      rows: rules,
      empty: `No central rule is set here${changes.length === 0 ? ', and none was changed' : ''}: services use the rules of their code, file and environment.`,
      href: ({ name }) => path(name),
      columns: [
        { title: 'Name', cell: ({ name }) => name },
        { title: 'Changes', kind: 'code', cell: ({ change }) => JSON.stringify(change) },
        { title: 'Version', kind: 'number', cell: ({ version }) => version },
      ],
    })}`;
}

/** The form of a change, which leads to its preview. `name`: of this policy alone. */
export function changeForm(database: string, name?: string): Html {
  return html`<form class="filter" method="get" action="/policy/set">
    <input type="hidden" name="database" value="${database}" />
    ${
      name === undefined
        ? html`<label
            >Policy
            <input name="name" required placeholder="payment.charge" autocomplete="off" spellcheck="false"
          /></label>`
        : html`<input type="hidden" name="name" value="${name}" />`
    }
    <label
      >Fields
      <input
        name="fields"
        required
        placeholder="attempts=2 backoff.capMs=500"
        autocomplete="off"
        spellcheck="false"
    /></label>
    <button type="submit">Look at the change</button>
  </form>`;
}

/** A table of changes: what, by whom, why, and the failed attempts around it. */
export function changeTable(
  changes: readonly z.output<typeof changeSchema>[],
  caption: string,
  path: (name: string) => string,
  now: number,
): Html {
  return dataTable({
    caption,
    rows: changes,
    empty: sentenceOf(`${history.empty}.`),
    href: ({ name }) => path(name),
    columns: [
      ...history.columns.map((column) => columnOf(column, now)),
      { title: 'Failed around it', cell: ({ around }) => aroundText(around) },
    ],
  });
}

function aroundText(around: z.output<typeof changeSchema>['around']): string | null {
  if (around === null) return null;
  return `${around.before} in ${formatMs(around.reachMs)} before, ${around.after} in as long after`;
}
