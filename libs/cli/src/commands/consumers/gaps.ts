import { formatPosition } from '@convergekit/contracts/engine';
import { type Fill, fillGap } from '@convergekit/operate';
import { findGaps, type Gap } from '@convergekit/inbox/operate';
import { inboxMigrations } from '@convergekit/inbox';
import { keysBetween, readMissing } from '@convergekit/relay/operate';
import type { Database } from '@convergekit/postgres';
import { command } from '../../frame/command.ts';
import { argument, asks, count, dryRun, reason as why, text, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { consumerToActOn, requireConsumer } from './known-consumer.ts';
import type { CommandContext } from '../../frame/context.ts';
import { checkedUrl } from '@convergekit/operate/host';

const sourceUrl = {
  sourceUrl: text('url', "the source's database (default: SOURCE_DATABASE_URL, else DATABASE_URL)"),
};

/** The place of a gap, and the events that lie in it. */
const placeOf = ({ topic, partition, source, after, upTo }: Gap) => ({
  topic,
  partition,
  source: source.name,
  after: formatPosition(after),
  upTo: formatPosition(upTo),
});

interface Listed extends ReturnType<typeof placeOf> {
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
    await requireConsumer(database, consumer);
    const gaps = await findGaps(database.executor, await context.admin(), consumer);
    const source = keys ? await sourceDatabase(context, database, url) : undefined;
    const listed: Listed[] = [];
    for (const gap of gaps)
      listed.push({
        ...placeOf(gap),
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

/**
 * Reads the events that a consumer misses from its source's outbox into the consumer's database. They keep their
 * positions. The range is read whole before anything is written; a range that cannot be read whole is not filled at
 * all.
 */
export const fillCommand = command({
  name: 'fill',
  summary: 'put what a consumer of DATABASE_URL misses into its inbox, read from the outbox of its source',
  args: { consumer: argument('a consumer with partitions that are halted at a gap') },
  flags: {
    ...sourceUrl,
    limit: count('events', 'refuse when more events are missing in one partition', 100_000),
    reason: why('why: it is kept in the audit'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { consumer, limit, reason, dryRun: dry, sourceUrl: url }) => {
    const database = await context.database(inboxMigrations);
    await consumerToActOn(context, database, consumer);
    const gaps = await findGaps(database.executor, await context.admin(), consumer);
    if (gaps.length === 0)
      return result([], () => [
        `${consumer} misses nothing: no partition is halted at a gap, and none that was passed is open`,
      ]);
    const source = await sourceDatabase(context, database, url);
    const found: Fill[] = [];
    for (const gap of gaps)
      found.push({ gap, events: await readMissing(source.executor, { ...gap, limit }) });
    for (const one of found) context.output.progress(describe(one));
    if (!dry) {
      await context.confirm(`Put them into the database of ${consumer}?`);
      for (const one of found) {
        const { topic, partition } = one.gap;
        const events = await fillGap(database, one, { by: context.operator, reason });
        context.audit({ consumer, topic, partition, reason, events });
      }
    }
    return result(
      found.map(({ gap, events }) => ({ ...placeOf(gap), events: events.length })),
      () => found.map(describe),
    );
  },
});

function describe({ gap, events }: Fill): string {
  const { topic, partition, source, after, upTo } = placeOf(gap);
  return `${topic}/${partition}: ${events.length} events of ${source} after ${after}, up to ${upTo}`;
}

/** Opens the database of a source: as given, else SOURCE_DATABASE_URL, else the one that is open. */
async function sourceDatabase(
  context: CommandContext,
  own: Database,
  given: string | undefined,
): Promise<Database> {
  const url = given ?? context.settings.env['SOURCE_DATABASE_URL'];
  return url === undefined ? own : context.databaseAt(checkedUrl(url, 'SOURCE_DATABASE_URL'));
}
