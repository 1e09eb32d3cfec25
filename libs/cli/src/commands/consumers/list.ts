import { BrokerError } from '@convergekit/broker/engine';
import { inboxMigrations } from '@convergekit/inbox';
import { type PartitionLag, readLag, readOverview, sumPartitions } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { optionalArgument } from '../../frame/flags.ts';
import { result, tableOf } from '../../frame/result.ts';
import { haltLines, partitionState, stateText } from './halt-text.ts';
import { requireConsumer } from './known-consumer.ts';

/** Lists the consumers of this database in sum, or the partitions of one, from the database's rows, not from Kafka. */
export const listCommand = command({
  name: 'list',
  aliases: ['lag'],
  summary:
    'the consumers in DATABASE_URL: state, lag, parked keys, open gaps; of a named one, every partition and its watermarks',
  args: { consumer: optionalArgument('only this consumer, partition by partition') },
  run: async (context, { consumer }) => {
    const database = await context.database(inboxMigrations);
    await requireConsumer(database.executor, consumer);
    const rows = await readOverview(database.executor, consumer);
    const listed = await withEnds(context, rows);
    // The document has every partition either way.
    return result(listed, () => [
      ...(consumer === undefined ? sums(listed) : partitions(listed)),
      ...haltLines(listed.flatMap(({ halted, ...row }) => (halted === null ? [] : { ...row, ...halted }))),
    ]);
  },
});

/** Adds the ends of the logs. Halts are shown while the broker does not say them: an operator looks then, too. */
async function withEnds(
  context: CommandContext,
  rows: Awaited<ReturnType<typeof readOverview>>,
): Promise<readonly PartitionLag[]> {
  try {
    return await readLag(await context.admin(), rows);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    context.output.progress(`how far the consumers are behind is not known: ${error.message}`);
    return readLag(undefined, rows);
  }
}

function sums(listed: readonly PartitionLag[]): readonly string[] {
  const consumers = [...Map.groupBy(listed, ({ consumer }) => consumer)].map(([consumer, own]) => ({
    consumer,
    ...sumPartitions(own),
  }));
  return tableOf(consumers, 'no consumers', {
    consumer: (row) => row.consumer,
    state: stateText,
    partitions: (row) => row.partitions,
    lag: (row) => row.lag ?? '?',
    'parked keys': (row) => row.parkedKeys,
    'open gaps': (row) => row.openGaps,
  });
}

function partitions(listed: readonly PartitionLag[]): readonly string[] {
  return tableOf(listed, 'no such consumer here: `converge consumers list` shows all', {
    partition: (row) => `${row.topic}/${row.partition}`,
    state: (row) => partitionState(row.halted),
    next: (row) => row.nextOffset,
    end: (row) => row.logEnd ?? '?',
    lag: (row) => row.lag ?? '?',
    watermarks: (row) => row.watermarks.map(({ source, position }) => `${source} ${position}`).join(', '),
    'parked keys': (row) => row.parkedKeys,
    'open gaps': (row) => row.openGaps,
  });
}
