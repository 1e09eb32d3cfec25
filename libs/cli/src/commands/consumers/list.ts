import { BrokerError } from '@convergekit/broker/engine';
import { inboxMigrations } from '@convergekit/inbox';
import { type PartitionLag, readLag, readOverview, sumPartitions } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { optionalArgument } from '../../frame/flags.ts';
import { result, tableOf } from '../../frame/result.ts';
import { haltLines, partitionState, stateText } from '@convergekit/operate/consumers';
import { requireConsumer } from './known-consumer.ts';

/** Lists the consumers of this database in sum, or the partitions of one, from the database's rows, not from Kafka. */
export const overviewCommand = command({
  name: 'list',
  aliases: ['lag'],
  summary:
    'the consumers in DATABASE_URL: state, processes, lag, parked keys, open gaps; of a named one, every partition and its watermarks',
  args: { consumer: optionalArgument('only this consumer, partition by partition') },
  run: async (context, { consumer }) => {
    const database = await context.database(inboxMigrations);
    await requireConsumer(database, consumer);
    const rows = await readOverview(database.executor, consumer);
    const listed = await withLog(context, rows);
    // The document has every partition either way.
    return result(listed, () => [
      ...(consumer === undefined ? sums(listed) : partitions(listed)),
      ...haltLines(
        listed.flatMap(({ halted, waits, ...row }) => {
          const why = halted ?? waits;
          return why === null ? [] : { ...row, reason: why.reason };
        }),
      ),
    ]);
  },
});

type Listed = PartitionLag & {
  /** The processes in the consumer's group; null: the broker does not say. */
  readonly processes: number | null;
};

/** Adds what the broker knows. Halts are shown while it does not answer: an operator looks then, too. */
async function withLog(
  context: CommandContext,
  rows: Awaited<ReturnType<typeof readOverview>>,
): Promise<readonly Listed[]> {
  try {
    const admin = await context.admin();
    const listed = await readLag(admin, rows);
    const processes = new Map<string, number>();
    for (const consumer of new Set(rows.map((row) => row.consumer)))
      processes.set(consumer, (await admin.members(consumer)).length);
    return listed.map((row) => ({ ...row, processes: processes.get(row.consumer) ?? null }));
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    context.output.progress(`how far the consumers are behind is not known: ${error.message}`);
    return (await readLag(undefined, rows)).map((row) => ({ ...row, processes: null }));
  }
}

function sums(listed: readonly Listed[]): readonly string[] {
  const consumers = [...Map.groupBy(listed, ({ consumer }) => consumer)].map(([consumer, own]) => ({
    consumer,
    processes: own[0]?.processes ?? null,
    ...sumPartitions(own),
  }));
  return tableOf(consumers, 'no consumers', {
    consumer: (row) => row.consumer,
    state: stateText,
    processes: (row) => row.processes ?? '?',
    partitions: (row) => row.partitions,
    lag: (row) => row.lag ?? '?',
    'parked keys': (row) => row.parkedKeys,
    'open gaps': (row) => row.openGaps,
  });
}

function partitions(listed: readonly Listed[]): readonly string[] {
  return tableOf(listed, 'no such consumer here: `converge consumers list` shows all', {
    partition: (row) => `${row.topic}/${row.partition}`,
    state: partitionState,
    next: (row) => row.nextOffset,
    end: (row) => row.logEnd ?? '?',
    lag: (row) => row.lag ?? '?',
    watermarks: (row) => row.watermarks.map(({ source, position }) => `${source} ${position}`).join(', '),
    'parked keys': (row) => row.parkedKeys,
    'open gaps': (row) => row.openGaps,
  });
}
