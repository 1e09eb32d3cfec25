import { groupFailures, listParked, PARKED_STATES, type ParkedState } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { view } from '../registry/view.ts';
import { filter, requireNames, tables, wantedOf } from './filter.ts';

/** A parked event in a list. */
export const parkedRow = z.object({
  id: z.string(),
  consumer: z.string(),
  topic: z.string(),
  partition: z.number(),
  offset: z.string(),
  key: z.string(),
  state: z.enum(PARKED_STATES),
  seq: z.string().nullable(),
  run: z.number(),
  tries: z.number(),
  handler: z.string(),
  eventId: z.string().nullable(),
  type: z.string().nullable(),
  category: z.string().nullable(),
  certainty: z.string().nullable(),
  code: z.string().nullable(),
  reason: z.string().nullable(),
  structural: z.boolean(),
  fingerprint: z.string().nullable(),
  parkedAt: z.date(),
  nextAt: z.date().nullable(),
  note: z.string().nullable(),
  failureEvent: z.string().nullable(),
  cursor: z.object({ parkedAt: z.string(), id: z.string() }),
});
type ParkedRow = z.output<typeof parkedRow>;

/** What holds a key: the states that a list shows where none is named. */
export const HOLDING = ['dead', 'waiting'] as const;

const SIGNS: Readonly<Record<ParkedState, 'waits' | 'needs' | 'off'>> = {
  waiting: 'waits',
  dead: 'needs',
  rejected: 'off',
  skipped: 'off',
  superseded: 'off',
  replaced: 'off',
};

export const list = view({
  name: 'parked.list',
  title: 'Parked events',
  summary: 'parked events one by one, in the order in which they were parked',
  tables,
  input: filter,
  row: parkedRow,
  check: requireNames,
  find: (_reads, { executor }, input, { limit, after }) => {
    const [parkedAt = '0', id = ''] = after ?? [];
    return listParked(
      executor,
      wantedOf(input, undefined),
      limit,
      after === undefined ? undefined : { parkedAt, id },
    );
  },
  order: {
    placeOf: ({ cursor: { parkedAt, id } }) => [parkedAt.padStart(18, '0'), id],
    place: z.tuple([z.string().regex(/^\d{1,18}$/), z.uuid()]),
  },
  empty: 'no parked events',
  columns: [
    { title: 'ID', kind: 'code', cell: ({ id }) => id },
    { title: 'Type', cell: ({ type }) => type ?? 'unreadable' },
    { title: 'Key', kind: 'code', cell: ({ key }) => key },
    { title: 'State', kind: 'state', cell: ({ state }) => state, sign: ({ state }) => SIGNS[state] },
    { title: 'Run', kind: 'number', cell: ({ run }) => run },
    { title: 'Failure', kind: 'wide', cell: failureOf },
    { title: 'Parked', kind: 'time', cell: ({ parkedAt }) => parkedAt },
    { title: 'Next', kind: 'time', cell: ({ nextAt }) => nextAt },
    { title: 'Consumer', cell: ({ consumer }) => consumer },
    {
      title: 'Place',
      kind: 'code',
      cell: ({ topic, partition, offset }) => `${topic}/${partition}@${offset}`,
    },
  ],
});

function failureOf({ code, category }: Pick<ParkedRow, 'code' | 'category'>): string | null {
  return code === null ? null : `${category} ${code}`;
}

const groupRow = z.object({
  consumer: z.string(),
  handler: z.string(),
  state: z.enum(PARKED_STATES),
  category: z.string().nullable(),
  code: z.string().nullable(),
  fingerprint: z.string().nullable(),
  shape: z.string().nullable(),
  structural: z.boolean(),
  events: z.number(),
  keys: z.number(),
  first: z.date(),
  last: z.date(),
  /** Events by the time at which they were parked, in equal parts of the span. */
  counts: z.array(z.number()).readonly(),
});

/** Groups show a day, unless the filter names a span. */
const DAY_MS = 86_400_000;
const PARTS = 24;

export const groups = view({
  name: 'parked.groups',
  title: 'Failures',
  summary: 'what is parked, grouped by handler and failure',
  tables,
  input: filter,
  row: groupRow,
  check: requireNames,
  find: ({ clock }, { executor }, input) => {
    const to = input.until ?? new Date(clock.now());
    const from = input.since ?? new Date(to.getTime() - DAY_MS);
    return groupFailures(executor, wantedOf(input, HOLDING), { from, to, buckets: PARTS });
  },
  empty: 'nothing is parked',
  columns: [
    {
      title: 'Failure',
      kind: 'wide',
      cell: ({ category, code, structural, shape }) =>
        code === null
          ? 'behind another event of its key'
          : `${category} ${code}${structural ? ' (waiting does not fix it)' : ''}: ${shape ?? ''}`,
    },
    {
      title: 'Handler',
      cell: ({ consumer, handler }) => `${consumer} · ${handler.replace(/^saga:/, '')}`,
    },
    { title: 'State', kind: 'state', cell: ({ state }) => state, sign: ({ state }) => SIGNS[state] },
    { title: 'Events', kind: 'number', cell: ({ events }) => events },
    { title: 'Keys', kind: 'number', cell: ({ keys }) => keys },
    { title: 'First', kind: 'time', cell: ({ first }) => first },
    { title: 'Last', kind: 'time', cell: ({ last }) => last },
  ],
});
