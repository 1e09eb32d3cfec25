import { CATEGORIES } from '@convergekit/core/engine';
import { formatMs } from '@convergekit/operate/text';
import { inPlaceMsOf } from '@convergekit/inbox/operate';
import { readPolicyHistory, readPolicyRules } from '@convergekit/postgres/operate';
import { admitRules } from '@convergekit/resilience/engine';
import { explain, type SimulatedRate, simulateRates } from '@convergekit/resilience/operate';
import { z } from 'zod';
import { html, type Html } from '../../layout/html.ts';
import { dataTable, filterForm, state } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { errorChart } from './error-chart.ts';
import { rateSchema, readErrorRate, withAround } from './error-rate.ts';
import { changeForm, changeSchema, changeTable } from './policies-view.ts';

const CHANGES = 50;
const CALLS = 2_000;
const SEED = 42;
const HOURS = 24;

const answerSchema = z.object({
  lines: z.array(z.string()),
  applied: z.array(z.object({ rule: z.string(), source: z.string(), change: z.unknown() })),
  refused: z.array(z.object({ name: z.string(), version: z.number(), reason: z.string() })),
  simulated: z.array(
    z.object({
      failureRate: z.number(),
      amplification: z.number(),
      amplificationWithoutBudget: z.number(),
      success: z.number(),
      meanWaitMs: z.number(),
    }),
  ),
  changes: z.array(changeSchema),
  rate: rateSchema,
});

/** Defines the page of one policy: what it does, who changed it, and what load it adds. */
export function policyView({ view, databases }: ConsoleContext): void {
  view({
    path: '/policies/:database/:name',
    summary: 'A policy by the central table: explained, simulated, and its changes',
    input: z.object({
      database: z.string(),
      name: z.string(),
      category: z.enum(CATEGORIES).default('service'),
    }),
    answer: answerSchema,
    read: async ({ database, name, category }, { now }) => {
      const { executor } = databases.get(database);
      const { book, refused } = admitRules([], await readPolicyRules(executor));
      const policy = book.for(name);
      const rate = await readErrorRate(executor, { now, hours: HOURS });
      return {
        lines: [...explain(policy, inPlaceMsOf(name))],
        applied: book.applied(name).map(({ rule, source, change }) => ({ rule, source, change })),
        refused: [...refused],
        simulated: [...simulateRates(policy, { calls: CALLS, category, seed: SEED })],
        changes: await withAround(
          executor,
          await readPolicyHistory(executor, { name, limit: CHANGES }),
          rate,
        ),
        rate,
      };
    },
    page: ({ lines, applied, refused, simulated, changes, rate }, { now }, { database, name, category }) => {
      const path = `/policies/${encodeURIComponent(database)}/${encodeURIComponent(name)}`;
      const body = html`<p class="note">
          By the central table of ${database} over the kit's own rules. Rules in a service's code, file and
          environment lie below the central table, and are not known here.
        </p>
        ${refused.map(
          (one) =>
            html`<p class="note needs">
              ${state('needs', 'not in force')} ${one.name}, version ${one.version}: ${one.reason}
            </p>`,
        )}
        <h2>What it does</h2>
        <ul>
          ${lines.map((line) => html`<li>${line}</li>`)}
        </ul>
        ${appliedTable(applied)} ${changeForm(database, name)}
        <h2>What changed</h2>
        ${errorChart(rate, changes, `Failed attempts in ${database} in ${HOURS} h, and changes of ${name}`)}
        ${changeTable(changes, `Changes of ${name}, the newest first`, () => path, now)}
        <h2>The load that it adds</h2>
        ${filterForm(path, [{ name: 'category', label: 'What fails', value: category, options: CATEGORIES }])}
        ${simulationTable(simulated, category)}`;
      return { title: `Policy ${name}`, body };
    },
  });
}

function appliedTable(
  rows: readonly { readonly rule: string; readonly source: string; readonly change: unknown }[],
): Html {
  return dataTable({
    caption: 'The rules that make it, in the order of their application',
    rows,
    empty: 'No rule applies: these are the defaults of the kit.',
    columns: [
      { title: 'Rule', cell: ({ rule }) => rule },
      { title: 'Source', cell: ({ source }) => source },
      { title: 'Changes', kind: 'code', cell: ({ change }) => JSON.stringify(change) },
    ],
  });
}

function simulationTable(rows: readonly SimulatedRate[], category: string): Html {
  return dataTable({
    caption: `${CALLS} simulated calls at each rate of ${category} failures`,
    rows,
    columns: [
      { title: 'Failures', kind: 'number', cell: ({ failureRate }) => percent(failureRate) },
      { title: 'Attempts a call', kind: 'number', cell: ({ amplification }) => amplification.toFixed(3) },
      { title: 'Without budget', kind: 'number', cell: (row) => row.amplificationWithoutBudget.toFixed(3) },
      { title: 'Succeeded', kind: 'number', cell: ({ success }) => percent(success) },
      { title: 'Mean wait', kind: 'number', cell: ({ meanWaitMs }) => formatMs(Math.round(meanWaitMs)) },
    ],
  });
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
