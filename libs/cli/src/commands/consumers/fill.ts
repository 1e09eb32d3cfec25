import { formatPosition } from '@convergekit/contracts/engine';
import { findGaps, type Gap, putFill } from '@convergekit/inbox/operate';
import { inboxMigrations } from '@convergekit/inbox';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { type MissingEvent, readMissing } from '@convergekit/relay/operate';
import { command } from '../../frame/command.ts';
import { argument, asks, count, dryRun } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { sourceDatabase, sourceUrl } from './source-database.ts';
import { requireConsumer } from './known-consumer.ts';

/** Rows of one statement: payloads are up to 900 KB each. */
const BATCH = 100;

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
    ...dryRun,
    ...asks,
  },
  run: async (context, { consumer, limit, dryRun: dry, sourceUrl: url }) => {
    const database = await context.database(inboxMigrations);
    await requireConsumer(database.executor, consumer);
    const gaps = await findGaps(database.executor, await context.admin(), consumer);
    if (gaps.length === 0)
      return result([], () => [
        `${consumer} misses nothing: no partition is halted at a gap, and none that was passed is open`,
      ]);
    const source = await sourceDatabase(context, database, url);
    const found: Found[] = [];
    for (const gap of gaps)
      found.push({ gap, events: await readMissing(source.executor, { ...gap, limit }) });
    for (const one of found) context.output.progress(describe(one));
    if (!dry) {
      await context.confirm(`Put them into the database of ${consumer}?`);
      for (const { gap, events } of found) {
        const [before, reason] = [
          { topic: gap.topic, partition: gap.partition },
          `a gap of ${gap.source.name}`,
        ];
        const put = await putAll(database, gap, events, (tx, count) =>
          context.record(tx, {
            ...{ act: 'consumers fill', subject: consumer, reason, before },
            after: { events: count },
          }),
        );
        context.audit({ consumer, ...before, reason, events: put });
      }
    }
    return result(found.map(summary), () => found.map(describe));
  },
});

interface Found {
  readonly gap: Gap;
  readonly events: readonly MissingEvent[];
}

function putAll(
  database: Database,
  gap: Gap,
  events: readonly MissingEvent[],
  record: (tx: Executor, put: number) => Promise<void>,
): Promise<number> {
  return withTransaction(database, {}, async (tx) => {
    let put = 0;
    for (let at = 0; at < events.length; at += BATCH)
      put += await putFill(tx, gap, events.slice(at, at + BATCH));
    await record(tx, put);
    return put;
  });
}

const summary = ({ gap, events }: Found) => ({
  topic: gap.topic,
  partition: gap.partition,
  source: gap.source.name,
  after: formatPosition(gap.after),
  upTo: formatPosition(gap.upTo),
  events: events.length,
});

const describe = ({ gap, events }: Found): string =>
  `${gap.topic}/${gap.partition}: ${events.length} events of ${gap.source.name} after ${formatPosition(gap.after)}, up to ${formatPosition(gap.upTo)}`;
