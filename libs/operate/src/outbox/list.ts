import { outboxMigrations } from '@convergekit/outbox';
import { relayMigrations } from '@convergekit/relay';
import { z } from 'zod';
import { UsageError } from '../host/errors.ts';
import { eventIds, instant, optional, text, toggle } from '../registry/fields.ts';
import { view } from '../registry/view.ts';
import { listEvents } from './events-sql.ts';

export const tables = { migrations: [outboxMigrations, relayMigrations], table: 'converge.outbox' };

/** The fields that choose events of an outbox. */
export const filter = {
  topic: text('name', 'only events of this topic'),
  key: text('key', 'only events of this key'),
  type: text('type', 'only events of this type'),
  from: instant('only events written at or after this time'),
  to: instant('only events written before this time'),
};

export const list = view({
  name: 'outbox.list',
  title: 'Events of the outbox',
  summary: 'the newest events first, and whether they are published',
  tables,
  input: {
    ...filter,
    id: optional(eventIds('only these events, by their ids (ce_id)')),
    published: toggle('only events that are in the log'),
    pending: toggle('only events that are not in the log yet'),
  },
  most: { unit: 'events', initial: 20 },
  row: z.object({
    id: z.string(),
    eventId: z.string(),
    topic: z.string(),
    key: z.string(),
    type: z.string(),
    bytes: z.number(),
    published: z.boolean(),
    createdAt: z.date(),
  }),
  find: (_reads, { executor }, { id = [], published, pending, ...wanted }, { limit }) => {
    if (published && pending)
      throw new UsageError('FLAGS_CONTRADICT', '--published and --pending together leave nothing: use one');
    const ids = id.length === 0 ? undefined : id.map((one) => one.toLowerCase());
    const state = published ? true : pending ? false : undefined;
    return listEvents(executor, { ...wanted, ids, published: state }, limit);
  },
  empty: 'no events',
  columns: [
    { title: 'Row', kind: 'number', cell: ({ id }) => id },
    { title: 'Written', kind: 'time', cell: ({ createdAt }) => createdAt },
    {
      title: 'State',
      kind: 'state',
      cell: ({ published }) => (published ? 'published' : 'pending'),
      sign: ({ published }) => (published ? 'ok' : 'waits'),
    },
    { title: 'Topic', cell: ({ topic }) => topic },
    { title: 'Key', kind: 'code', cell: ({ key }) => key },
    { title: 'Type', cell: ({ type }) => type },
    { title: 'ID', kind: 'code', cell: ({ eventId }) => eventId },
    { title: 'Size', kind: 'number', cell: ({ bytes }) => `${bytes} B` },
  ],
});
