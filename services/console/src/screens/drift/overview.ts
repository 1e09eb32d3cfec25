import { z } from 'zod';
import { html } from '../../layout/html.ts';
import { ago, dataTable, filterForm, unreadNote } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { reconcilerSchema, type ReconcilerAnswer } from './answers.ts';
import { reconcilerPath, reconcilerState } from './parts.ts';
import { readReconcilers } from './read-drift.ts';
import { unreadSchema } from '../../databases.ts';

/** Defines the list of reconcilers, with their divergent keys by verdict. */
export function overviewView({ view, databases }: ConsoleContext): void {
  view({
    path: '/drift',
    summary: 'The reconcilers, with the number of their divergent keys by verdict',
    input: z.object({ database: z.string().optional() }),
    answer: z.object({ reconcilers: z.array(reconcilerSchema), unread: unreadSchema }),
    read: async ({ database }) => {
      const { rows, unread } = await databases.gather(readReconcilers, database);
      return { reconcilers: rows, unread };
    },
    page: ({ reconcilers, unread }, { now }, { database }) => {
      const verdicts = [...new Set(reconcilers.flatMap((one) => one.verdicts.map(({ verdict }) => verdict)))];
      const body = html`<div class="filters">
          <form class="filter" method="get" action="/drift/key">
            <label
              >One key in all reconcilers <input name="key" required autocomplete="off" spellcheck="false"
            /></label>
            <button type="submit">Compare</button>
          </form>
          ${
            databases.names.length < 2
              ? ''
              : filterForm('/drift', [
                  { name: 'database', label: 'Database', value: database, options: databases.names },
                ])
          }
        </div>
        ${unreadNote(unread)}
        ${dataTable<ReconcilerAnswer>({
          caption: 'Reconcilers, and their divergent keys by verdict',
          rows: reconcilers,
          href: reconcilerPath,
          empty: 'No reconciler has run in these databases.',
          columns: [
            { title: 'Reconciler', cell: ({ name }) => name },
            { title: 'Database', cell: (one) => one.database },
            { title: 'State', cell: reconcilerState },
            ...verdicts.map((verdict) => ({
              title: `Keys ${verdict.replaceAll('_', ' ')}`,
              kind: 'number' as const,
              cell: (one: ReconcilerAnswer) =>
                one.verdicts.find((count) => count.verdict === verdict)?.keys ?? 0,
            })),
            { title: 'Oldest drift', cell: (one) => ago(oldestOf(one), now) },
            { title: 'Last run', cell: ({ lastCompletedAt }) => ago(lastCompletedAt, now) },
          ],
        })}`;
      return { title: 'Drift', body };
    },
  });
}

function oldestOf({ verdicts }: ReconcilerAnswer): Date | null {
  const times = verdicts.flatMap(({ oldest }) => (oldest === null ? [] : [oldest.getTime()]));
  return times.length === 0 ? null : new Date(Math.min(...times));
}
