import { inboxMigrations } from '@convergekit/inbox';
import { type PartitionOverview, readOverview } from '@convergekit/inbox/operate';
import type { LogEnds } from '@convergekit/broker/engine';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { table } from '../../frame/output.ts';

interface Listed extends PartitionOverview {
  /** null: the broker has no such partition. */
  readonly logEnd: bigint | null;
  readonly lag: bigint | null;
}

/** Every partition of the consumers in this database, from the database's word and not from Kafka's. */
export async function listConsumers(
  { settings, output }: CommandContext,
  consumer: string | undefined,
): Promise<boolean> {
  return withDatabase(settings, 'converge-consumers', async (database) => {
    await requireMigrations(database.executor, [inboxMigrations]);
    const rows = await readOverview(database.executor, consumer);
    const ends = new Map<string, readonly LogEnds[]>();
    await withAdmin(settings, async (admin) => {
      for (const topic of new Set(rows.map((row) => row.topic)))
        ends.set(topic, (await admin.describeTopic(topic)) === undefined ? [] : await admin.logEnds(topic));
    });
    const listed = rows.map((row): Listed => {
      const end = ends.get(row.topic)?.find(({ partition }) => partition === row.partition)?.latest ?? null;
      return { ...row, logEnd: end, lag: end === null ? null : end - row.nextOffset };
    });
    output.result(listed, () => lines(listed));
    return true;
  });
}

function lines(listed: readonly Listed[]): readonly string[] {
  const rows = listed.map((row) => [
    row.consumer,
    `${row.topic}/${row.partition}`,
    row.halted === null ? 'running' : `halted: ${row.halted.code}`,
    `${row.nextOffset}`,
    `${row.logEnd ?? '?'}`,
    `${row.lag ?? '?'}`,
    row.watermarks.map(({ source, position }) => `${source} ${position}`).join(', '),
    `${row.parkedKeys}`,
    `${row.openGaps}`,
  ]);
  const head = [
    'consumer',
    'partition',
    'state',
    'next',
    'end',
    'lag',
    'watermarks',
    'parked keys',
    'open gaps',
  ];
  const reasons = listed.flatMap(({ topic, partition, halted }) =>
    halted === null ? [] : [`${topic}/${partition}: ${halted.reason}`],
  );
  return [...table([head, ...rows]), ...reasons];
}
