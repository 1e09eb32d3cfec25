import { inboxMigrations } from '@convergekit/inbox';
import { readOverview } from '@convergekit/inbox/operate';
import type { LogEnds } from '@convergekit/broker/engine';
import { command } from '../../frame/command.ts';
import { optionalArgument } from '../../frame/flags.ts';
import { result, tableOf } from '../../frame/result.ts';

/** Lists every partition of the consumers in this database, from the database's rows, not from Kafka. */
export const listCommand = command({
  name: 'list',
  aliases: ['lag'],
  summary: 'state, watermarks, lag, parked keys and open gaps of every partition in DATABASE_URL',
  args: { consumer: optionalArgument('only this consumer') },
  run: async (context, { consumer }) => {
    const database = await context.database(inboxMigrations);
    const rows = await readOverview(database.executor, consumer);
    const ends = new Map<string, readonly LogEnds[]>();
    const admin = await context.admin();
    for (const topic of new Set(rows.map((row) => row.topic)))
      ends.set(topic, (await admin.describeTopic(topic)) === undefined ? [] : await admin.logEnds(topic));
    const listed = rows.map((row) => {
      // null: the broker has no such partition.
      const end = ends.get(row.topic)?.find(({ partition }) => partition === row.partition)?.latest ?? null;
      return { ...row, logEnd: end, lag: end === null ? null : end - row.nextOffset };
    });
    return result(listed, () => [
      ...tableOf(listed, 'no consumers', {
        consumer: (row) => row.consumer,
        partition: (row) => `${row.topic}/${row.partition}`,
        state: (row) => (row.halted === null ? 'running' : `halted: ${row.halted.code}`),
        next: (row) => row.nextOffset,
        end: (row) => row.logEnd ?? '?',
        lag: (row) => row.lag ?? '?',
        watermarks: (row) => row.watermarks.map(({ source, position }) => `${source} ${position}`).join(', '),
        'parked keys': (row) => row.parkedKeys,
        'open gaps': (row) => row.openGaps,
      }),
      ...listed.flatMap(({ topic, partition, halted }) =>
        halted === null ? [] : [`${topic}/${partition}: ${halted.reason}`],
      ),
    ]);
  },
});
