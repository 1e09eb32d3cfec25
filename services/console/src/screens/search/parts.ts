import { html, type Html } from '../../layout/html.ts';
import { dataTable, moment } from '../../layout/parts.ts';
import type { SearchAnswer } from './schemas.ts';

type History = NonNullable<SearchAnswer['history']>;

/** The history of an event as a table, with where it stands in a line above it. */
export function historyPart({ head, rows, end, given }: History): Html {
  return html`<p>${head}</p>
    <p><strong>${end}</strong></p>
    ${dataTable<History['rows'][number]>({
      caption: 'What happened, in order',
      rows,
      empty: 'Nothing is known.',
      columns: [
        { title: 'When', kind: 'code', cell: ([when]) => when || html`<span class="quiet">″</span>` },
        { title: 'Where', cell: ([, who]) => who || html`<span class="quiet">″</span>` },
        { title: 'What', kind: 'wide', cell: ([, , what]) => what },
      ],
    })}
    ${given.map((line) => html`<p class="quiet">${line}</p>`)}`;
}

/** The acts of operators on one thing. */
export function actsTable(acts: SearchAnswer['acts'], heading?: string): Html {
  return dataTable<SearchAnswer['acts'][number]>({
    ...(heading !== undefined && { heading }),
    caption: 'Who acted on it, and why',
    rows: acts,
    columns: [
      { title: 'At', cell: ({ at }) => moment(at) },
      { title: 'By', cell: ({ by }) => by },
      { title: 'Act', cell: ({ act }) => act },
      { title: 'Subject', cell: ({ subject }) => subject },
      { title: 'What', kind: 'wide', cell: ({ what }) => what },
      { title: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
      { title: 'Database', cell: ({ database }) => database },
    ],
  });
}
