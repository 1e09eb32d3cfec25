import { formatPosition } from '@convergekit/contracts/engine';
import { findGaps } from '@convergekit/inbox/operate';
import { inboxMigrations } from '@convergekit/inbox';
import { keysBetween } from '@convergekit/relay/operate';
import { command } from '../../frame/command.ts';
import { argument, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { sourceDatabase, sourceUrl } from './source-database.ts';
import { requireConsumer } from './known-consumer.ts';

interface Listed {
  readonly topic: string;
  readonly partition: number;
  readonly source: string;
  readonly after: string;
  readonly upTo: string;
  readonly state: string;
  /** null: not kept any more. */
  readonly keys?: readonly string[] | null;
}

/** Lists the gaps at which a consumer is halted, and those passed and not filled. */
export const gapsCommand = command({
  name: 'gaps',
  summary: 'what a consumer misses: gaps at which it is halted, and gaps that it passed',
  args: { consumer: argument('a consumer of DATABASE_URL') },
  flags: {
    keys: toggle("name the keys of the missing events, while the source's outbox keeps them"),
    ...sourceUrl,
  },
  run: async (context, { consumer, keys, sourceUrl: url }) => {
    const database = await context.database(inboxMigrations);
    await requireConsumer(database.executor, consumer);
    const gaps = await findGaps(database.executor, await context.admin(), consumer);
    const source = keys ? await sourceDatabase(context, database, url) : undefined;
    const listed: Listed[] = [];
    for (const gap of gaps)
      listed.push({
        topic: gap.topic,
        partition: gap.partition,
        source: gap.source.name,
        after: formatPosition(gap.after),
        upTo: formatPosition(gap.upTo),
        state: gap.at.kind,
        ...(source !== undefined && { keys: (await keysBetween(source.executor, gap)) ?? null }),
      });
    return result(listed, () =>
      listed.length === 0
        ? [`no gaps: ${consumer} misses nothing`]
        : listed.flatMap((gap) => [
            `${gap.topic}/${gap.partition} ${gap.state}: events of ${gap.source} after ${gap.after}, up to ${gap.upTo}`,
            ...keyLines(gap.keys),
          ]),
    );
  },
});

function keyLines(keys: readonly string[] | null | undefined): readonly string[] {
  if (keys === null)
    return ['  its keys are not kept any more, or this is not its source: reconcile all keys'];
  return (keys ?? []).map((key) => `  ${key}`);
}
