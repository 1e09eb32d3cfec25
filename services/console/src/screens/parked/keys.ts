import { type FailedKey, groupFailures, pageFailedKeys, PARKED_STATES } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import { actionLink, ago, dataTable, facts, nextPage, unreadNote } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { compare, LIMIT, pageOf, readCursor } from '../cursor.ts';
import { where } from '../../present-sql.ts';
import {
  type FailureFilter,
  filtered,
  filterIn,
  filterSchema,
  parkedFilterOf,
  retryAllPath,
} from './filter.ts';
import { hideErrors } from '../../payload.ts';
import { failureText, parkedState } from './parked-text.ts';
import { unreadSchema } from '../../databases.ts';

const keySchema = z.object({
  database: z.string(),
  consumer: z.string(),
  topic: z.string(),
  key: z.string(),
  events: z.number(),
  first: z.date(),
  last: z.date(),
});
type Key = z.output<typeof keySchema>;

const answerSchema = z.object({
  /** What the filter is about; absent for a filter of several groups. */
  group: z
    .object({
      handler: z.string(),
      consumer: z.string(),
      state: z.enum(PARKED_STATES),
      category: z.string().nullable(),
      code: z.string().nullable(),
      shape: z.string().nullable(),
      structural: z.boolean(),
      events: z.number(),
      keys: z.number(),
    })
    .optional(),
  keys: z.array(keySchema),
  next: z.string().optional(),
  unread: unreadSchema,
});

const AFTER = { after: z.string().optional() };
const cursor = z.object({ consumer: z.string(), topic: z.string(), key: z.string() });

/** Defines the page of one group of failures: its keys, and what an operator can do about it. */
export function keysPage({ view, databases, payloads }: ConsoleContext): void {
  view({
    path: '/parked/keys',
    summary: 'The keys of failures that match',
    input: filterSchema.extend(AFTER),
    answer: answerSchema,
    read: async (given, { now, visitor }) => {
      const filter = filterIn(given);
      const parked = parkedFilterOf(filter);
      const span = { from: new Date(now), to: new Date(now + 1), buckets: 1 };
      const paging = { after: readCursor(given['after'] as string | undefined, cursor), limit: LIMIT };
      const only = filter.database;
      const groups = await databases.gather(
        where('converge.parked', (executor) => groupFailures(executor, parked, span)),
        only,
      );
      const { rows, unread } = await databases.gather(
        where('converge.parked', (executor) => pageFailedKeys(executor, parked, paging)),
        only,
      );
      const { page, next } = pageOf(rows.toSorted(inOrder), ({ consumer, topic, key }) => {
        return { consumer, topic, key };
      });
      const [group] = hideErrors(groups.rows, payloads, visitor);
      return {
        ...(groups.rows.length === 1 && group !== undefined && { group }),
        keys: page,
        next,
        unread,
      };
    },
    page: ({ group, keys, next, unread }, { now }, filter) => ({
      title: group === undefined ? 'Failures by key' : `Failures of ${group.handler.replace(/^saga:/, '')}`,
      body: html`${unreadNote(unread)} ${group === undefined ? nothing : headOf(group)}
        <p>
          ${keys.length === 0 ? nothing : actionLink(retryAllPath(filterIn(filter)), 'Retry all that match')}
          <a href="${filtered('/parked/list', filterIn(filter))}">the events, in the order of parking</a>
        </p>
        ${tableOf(keys, filterIn(filter), now)}
        ${nextPage(next, (after) => filtered('/parked/keys', filterIn(filter), { after }))}`,
    }),
  });
}

const inOrder = (a: FailedKey, b: FailedKey): number =>
  compare(a.consumer, b.consumer) || compare(a.topic, b.topic) || compare(a.key, b.key);

function headOf(group: NonNullable<z.output<typeof answerSchema>['group']>): Html {
  return facts([
    ['State', parkedState(group.state)],
    ['Failure', failureText(group)],
    ['Events', group.events],
    ['Keys', group.keys],
  ]);
}

function tableOf(keys: readonly Key[], filter: FailureFilter, now: number): Html {
  return dataTable({
    caption: 'Keys, in the order of their names',
    rows: keys,
    empty: 'No parked event matches: it was applied meanwhile.',
    href: ({ database, consumer, key }) => filtered('/parked/list', filter, { database, consumer, key }),
    columns: [
      { title: 'Key', kind: 'code', cell: ({ key }) => key },
      { title: 'Events', kind: 'number', cell: ({ events }) => events },
      { title: 'First', cell: ({ first }) => ago(first, now) },
      { title: 'Last', cell: ({ last }) => ago(last, now) },
      { title: 'Topic', cell: ({ topic }) => topic },
      { title: 'Consumer', cell: ({ consumer }) => consumer },
    ],
  });
}
