import { inboxMigrations } from '@convergekit/inbox';
import { readLag, readOverview } from '@convergekit/inbox/operate';
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
    const listed = await readLag(await context.admin(), rows);
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
