import { keysBetween } from '@convergekit/relay/operate';
import { z } from 'zod';
import { toggle } from '../registry/fields.ts';
import { view } from '../registry/view.ts';
import { gapRow, gapsIn } from './fill.ts';
import { databasesOf, nameOf, ofConsumer, tables } from './partitions.ts';

/** Lists the gaps at which a consumer is halted, and those passed and not filled. */
export const listGaps = view({
  name: 'consumers.gaps',
  title: 'Gaps of a consumer',
  summary: 'what a consumer misses: gaps at which it is halted, and gaps that it passed',
  tables,
  input: {
    ...ofConsumer,
    keys: toggle("name the keys of the missing events, while the source's outbox keeps them"),
  },
  looksElsewhere: true,
  row: z.object({
    topic: z.string(),
    partition: z.number(),
    source: z.string(),
    after: z.string(),
    upTo: z.string(),
    state: z.string(),
    /** null: not kept any more, or no known database is its source. */
    keys: z.array(z.string()).readonly().nullable().optional(),
  }),
  check: async (reads, { consumer }) => {
    await databasesOf(reads, consumer);
  },
  find: async (reads, database, { consumer, keys }) => {
    const rows = [];
    for (const { gap, source } of await gapsIn(reads, database, consumer))
      rows.push({
        ...gapRow(gap),
        state: gap.at.kind,
        ...(keys && { keys: (source && (await keysBetween(source, gap))) ?? null }),
      });
    return rows;
  },
  empty: 'no gaps: the consumer misses nothing',
  columns: [
    { title: 'Partition', cell: nameOf },
    {
      title: 'State',
      kind: 'state',
      cell: ({ state }) => state,
      sign: ({ state }) => (state === 'halted' ? 'needs' : 'waits'),
    },
    { title: 'Source', cell: ({ source }) => source },
    { title: 'After', kind: 'code', cell: ({ after }) => after },
    { title: 'Up to', kind: 'code', cell: ({ upTo }) => upTo },
    {
      title: 'Keys',
      kind: 'wide',
      cell: ({ keys }) =>
        keys === null
          ? 'not kept any more, or no known database is its source (--database names more): reconcile all keys'
          : keys?.join(', '),
    },
  ],
});
