import { inboxMigrations } from '@convergekit/inbox';
import { pauseConsumer, readPartitions } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { argument, dryRun, reason as why, text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';

/** Pauses a consumer. Slices in work end first; the processes notice by themselves. */
export const pauseCommand = command({
  name: 'pause',
  summary: 'pause a consumer: no handler is called, also for parked events, until it is resumed',
  args: { consumer: argument('a consumer of DATABASE_URL') },
  flags: {
    topic: text('name', 'only of this topic'),
    reason: why('why: it is shown until the consumer is resumed'),
    ...dryRun,
  },
  run: async (context, { consumer, topic, reason, dryRun: dry }) => {
    const database = await context.database(inboxMigrations);
    const all = await readPartitions(database.executor, consumer);
    const open = all.filter((row) => !row.paused && (topic ?? row.topic) === row.topic);
    if (open.length === 0)
      throw refused(
        'NOTHING_RUNS',
        all.length === 0
          ? `there is no consumer ${consumer} in this database: \`converge consumers list\` shows those that are`
          : `all such partitions of ${consumer} are paused: \`converge consumers list ${consumer}\` shows what is halted, and why`,
      );
    if (dry) return result(open.map(placeOf), () => open.map((row) => `would pause ${nameOf(row)}`));
    const paused = await pauseConsumer(database, { consumer, topic }, { by: context.operator, reason });
    context.audit({ consumer, topic, reason, partitions: paused.length });
    return result(paused.map(placeOf), () => [
      ...paused.map((row) => `${nameOf(row)}: paused`),
      `\`converge consumers resume ${consumer} --reason "…"\` continues it`,
    ]);
  },
});

interface Place {
  readonly topic: string;
  readonly partition: number;
}

const placeOf = ({ topic, partition }: Place): Place => ({ topic, partition });
const nameOf = ({ topic, partition }: Place): string => `${topic}/${partition}`;
