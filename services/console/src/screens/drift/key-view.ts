import { readAudit, readDrift } from '@convergekit/reconcile/operate';
import { z } from 'zod';
import { html } from '../../layout/html.ts';
import { unreadNote, withQuery } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { driftKeySchema, repairSchema } from './answers.ts';
import { keyPart, reconcilerPath } from './parts.ts';
import { findDeclared, readReconcilers } from './read-drift.ts';
import { repairTable } from './repairs-view.ts';
import { hidden, hiddenRepair } from './state-values.ts';
import { unreadSchema } from '../../databases.ts';

/** Rows of the history of each reconciler. */
const ROWS = 20;

const ownRepair = repairSchema.extend({ database: z.string(), reconciler: z.string() });

/** Defines the page of one key: its differences in all reconcilers, and what was repaired of it. */
export function keyView(context: ConsoleContext): void {
  const { view, databases, payloads } = context;
  view({
    path: '/drift/key',
    summary: 'One key in all reconcilers: its differences now, its repairs and verdicts',
    input: z.object({ key: z.string() }),
    answer: z.object({
      keys: z.array(driftKeySchema),
      repairs: z.array(ownRepair),
      unread: unreadSchema,
    }),
    read: async ({ key }) => {
      const { rows, unread } = await databases.gather(async (executor, database) => {
        const found = [];
        for (const { name: reconciler } of await readReconcilers(executor)) {
          const open = await findDeclared(context, database, reconciler);
          const [row] = await readDrift(executor, reconciler, { key, limit: 1 }, open);
          const repairs = await readAudit(executor, reconciler, { key, limit: ROWS });
          found.push({
            keys:
              row === undefined
                ? []
                : [{ ...row, database, reconciler, fields: hidden(row.fields, payloads) }],
            repairs: repairs.map((one) => ({ ...hiddenRepair(one, payloads), database, reconciler })),
          });
        }
        return found;
      });
      return {
        keys: rows.flatMap(({ keys }) => keys),
        repairs: rows.flatMap(({ repairs }) => repairs),
        unread,
      };
    },
    page: ({ keys, repairs, unread }, { now }, { key }) => {
      const body = html`${unreadNote(unread)}
        ${keys.length === 0 ? html`<p class="empty">No reconciler knows this key as divergent.</p>` : ''}
        ${keys.map(
          (one) =>
            html`<h2>${one.reconciler} in ${one.database}</h2>
              ${keyPart(one, now, false)}
              <p><a href="${valuesPath(one)}">See its values</a></p>`,
        )}
        <h2>Repairs and verdicts</h2>
        ${repairTable(repairs, `Repairs and verdicts of ${key}`)}
        <p><a href="/search?q=${encodeURIComponent(key)}">All that is known of ${key}</a></p>`;
      return { title: `Drift of key ${key}`, body };
    },
  });
}

/** The address of the divergent key with its values, and of the form to see them. */
const valuesPath = ({ database, reconciler, key }: z.output<typeof driftKeySchema>): string =>
  withQuery(reconcilerPath({ database, name: reconciler }, '/values'), { key });
