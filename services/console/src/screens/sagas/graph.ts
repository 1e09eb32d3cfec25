import type { SagaDeclaration } from '@convergekit/saga/declare';
import { countOpenSteps } from '@convergekit/saga/operate';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import { dataTable, unreadNote, withQuery } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { where } from '../../present-sql.ts';
import { graphSvg } from './graph-svg.ts';
import { unreadSchema } from '../../databases.ts';

/** At most so many open steps of each database are counted. */
const MOST_OPEN = 100_000;

const countSchema = z.object({
  saga: z.string(),
  version: z.number(),
  step: z.string(),
  state: z.string(),
  count: z.number(),
  database: z.string(),
});
const answerSchema = z.object({
  /** The steps that have begun and have no outcome, by saga, step and state. */
  open: z.array(countSchema),
  unread: unreadSchema,
  /** The declared sagas of CONVERGE__MODULES. */
  declared: z.array(z.object({ name: z.string(), version: z.number() })),
});
type Count = z.output<typeof countSchema>;

/** Defines the page of graphs: each declared saga, with what is open at each step. */
export function graphPage({ view, databases, declared: modules }: ConsoleContext): void {
  let known: readonly SagaDeclaration[] = [];
  view({
    path: '/sagas/graph',
    summary: 'What is open at each step of each saga',
    input: z.object({ saga: z.string().optional() }),
    answer: answerSchema,
    read: async ({ saga }) => {
      known = await modules.sagas();
      const { rows, unread } = await databases.gather(
        where('converge.saga_fence', (executor) => countOpenSteps(executor, MOST_OPEN)),
      );
      const fits = (name: string): boolean => saga === undefined || saga === name;
      return {
        open: rows.filter((row) => fits(row.saga)),
        unread,
        declared: known.filter(({ name }) => fits(name)).map(({ name, version }) => ({ name, version })),
      };
    },
    page: ({ open, unread, declared }) => ({
      title: 'Graphs of sagas',
      body: html`${unreadNote(unread)}
      ${
        declared.length === 0
          ? undeclared()
          : declared.map((one) =>
              graphOf(
                known.find((saga) => saga.name === one.name && saga.version === one.version),
                open,
              ),
            )
      }
      ${openTable(open)}`,
    }),
  });
}

function undeclared(): Html {
  return html`<p class="note">
    No declaration is known here, so nothing is drawn: name the modules that export the sagas in
    CONVERGE__MODULES.
  </p>`;
}

function graphOf(declaration: SagaDeclaration | undefined, open: readonly Count[]): Html {
  if (declaration === undefined) return nothing;
  const { name, version } = declaration;
  return html`<h2>${name} v${version}</h2>
    ${graphSvg(
      declaration,
      open.filter((one) => one.saga === name && one.version === version),
    )}`;
}

function openTable(open: readonly Count[]): Html {
  return dataTable({
    caption: 'Steps that have begun and have no outcome',
    rows: open,
    empty: 'No step is open.',
    href: ({ saga, step }) => withQuery('/sagas', { saga, step, state: 'any' }),
    columns: [
      { title: 'Step', cell: ({ step }) => step },
      { title: 'Saga', cell: ({ saga, version }) => `${saga} v${version}` },
      { title: 'State', cell: ({ state }) => state.replaceAll('_', ' ') },
      { title: 'Steps', kind: 'number', cell: ({ count }) => count },
      { title: 'Database', cell: ({ database }) => database },
    ],
  });
}
