import { formatPosition } from '@convergekit/contracts';
import { findGaps, type Gap, putFill } from '@convergekit/inbox/operate';
import { inboxMigrations } from '@convergekit/inbox';
import { type Database, withTransaction } from '@convergekit/postgres';
import { type MissingEvent, readMissing } from '@convergekit/relay/operate';
import { audit } from '../../frame/audit.ts';
import { confirm } from '../../frame/confirm.ts';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { withSourceDatabase } from './source-database.ts';

export interface FillFlags {
  readonly sourceUrl?: string;
  readonly limit: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Rows of one statement: payloads are up to 900 KB each. */
const BATCH = 100;

/**
 * Reads what a consumer misses from its source's outbox and puts it into the consumer's database, with its positions.
 * The range is read whole before anything is written; what cannot be read whole is not filled at all.
 */
export async function fillConsumer(
  context: CommandContext,
  consumer: string,
  flags: FillFlags,
): Promise<boolean> {
  const { settings, output } = context;
  return withDatabase(settings, 'converge-fill', async (database) => {
    await requireMigrations(database.executor, [inboxMigrations]);
    const gaps = await withAdmin(settings, (admin) => findGaps(database.executor, admin, consumer));
    if (gaps.length === 0) {
      output.result([], () => [
        `${consumer} misses nothing: no partition stands at a gap, and none that was passed is open`,
      ]);
      return true;
    }
    return withSourceDatabase(database, flags.sourceUrl, 'converge-fill', async (source) => {
      const found = await readAll(source, gaps, flags.limit);
      for (const one of found) output.progress(describe(one));
      if (flags.dryRun !== true) {
        await confirm(`Put them into the database of ${consumer}?`, flags);
        for (const { gap, events } of found) {
          const put = await putAll(database, gap, events);
          audit('consumers fill', { consumer, topic: gap.topic, partition: gap.partition, events: put });
        }
      }
      output.result(found.map(summary), () => found.map(describe));
      return true;
    });
  });
}

interface Found {
  readonly gap: Gap;
  readonly events: readonly MissingEvent[];
}

async function readAll(source: Database, gaps: readonly Gap[], limit: number): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const gap of gaps) found.push({ gap, events: await readMissing(source.executor, { ...gap, limit }) });
  return found;
}

function putAll(database: Database, gap: Gap, events: readonly MissingEvent[]): Promise<number> {
  return withTransaction(database, {}, async (tx) => {
    let put = 0;
    for (let at = 0; at < events.length; at += BATCH)
      put += await putFill(tx, gap, events.slice(at, at + BATCH));
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
