import { html, nothing } from '../../layout/html.ts';
import { dataTable, moment, state } from '../../layout/parts.ts';
import { eventPath } from '../../links.ts';
import type { PageContent } from '../../screen.ts';
import type { LogAnswer } from './log.ts';

/** The records of a key in the log; copies of an event are marked. */
export function logPage({ topic, key, partition, from, to, records, copies }: LogAnswer): PageContent {
  const body = html`<p>
      ${copies === 0 ? state('ok', 'No duplicates') : state('waits', copies === 1 ? '1 duplicate' : `${copies} duplicates`)}
      among ${records.length} records of key <code>${key}</code>, offsets ${from.toString()} to
      ${to.toString()} of ${topic}/${partition}.
    </p>
    ${copies === 0 ? nothing : html`<p class="quiet">A consumer of the kit applies an event once: it passes over its copies.</p>`}
    ${dataTable<LogAnswer['records'][number]>({
      caption: 'In the order of the log',
      rows: records,
      empty: 'The part of the log that was read has no record of this key.',
      href: ({ eventId }) => (eventId === null ? undefined : eventPath(eventId)),
      columns: [
        { title: 'Offset', kind: 'number', cell: ({ offset }) => offset.toString() },
        {
          title: 'Duplicate',
          cell: ({ copyOf }) =>
            copyOf === null ? state('off', 'first') : state('waits', `duplicate of ${copyOf.toString()}`),
        },
        { title: 'Written', cell: ({ at }) => moment(at) },
        { title: 'Event', kind: 'code', cell: ({ eventId }) => eventId },
        { title: 'Type', cell: ({ type }) => type },
        { title: 'Position', kind: 'code', cell: ({ position }) => position },
      ],
    })}`;
  return { title: `Log of key ${key}`, body };
}
