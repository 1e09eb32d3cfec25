import { inboxMigrations } from '@convergekit/inbox';
import { partitionOf } from '@convergekit/broker/engine';
import { outboxMigrations } from '@convergekit/outbox';
import { readSource } from '@convergekit/outbox/engine';
import type { Database, MigrationSet } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import type { CommandContext } from '../frame/context.ts';
import { texts } from '../frame/flags.ts';
import { requireMigrations } from '@convergekit/postgres/operate';
import type { Chapter, Passed } from './chapter.ts';
import { readDeliveries, type StoredEvent } from './attempt-sql.ts';

/** A database under the name of its source. */
export interface Named {
  readonly name: string;
  readonly database: Database;
}

/** How a command is given more databases. */
export const GIVE_MORE = 'give them with --database <url>, once for each';

export const databases = { database: texts('url', 'more databases, of other services that take part') };

/** Opens DATABASE_URL and the other databases, with their migrations, under the names of their sources. */
export async function namedDatabases(
  context: CommandContext,
  urls: readonly string[],
  more: readonly MigrationSet[],
): Promise<readonly Named[]> {
  const opened = [await context.database()];
  for (const url of urls) opened.push(await context.databaseAt(url));
  return Promise.all(opened.map((database) => nameOf(database, more)));
}

async function nameOf(database: Database, more: readonly MigrationSet[]): Promise<Named> {
  await requireMigrations(database.executor, [outboxMigrations, relayMigrations, inboxMigrations, ...more]);
  return { name: (await readSource(database.executor)).name, database };
}

/** Reads the progress of each consumer in these databases towards the events of the chapters. */
export async function deliveriesOf(
  named: readonly Named[],
  chapters: readonly Chapter[],
): Promise<readonly Passed[]> {
  const events = new Map<string, StoredEvent>();
  for (const { stored } of chapters)
    for (const one of stored) if (one.kind === 'emitted') events.set(one.eventId, one);
  const found: Passed[] = [];
  for (const { eventId, topic, key, partitions, position, sourceId } of events.values()) {
    if (partitions === null || position === null) continue;
    const place = { topic, partition: partitionOf(key, partitions), sourceId, ...position };
    for (const { name, database } of named)
      for (const delivery of await readDeliveries(database.executor, place))
        found.push({ kind: 'delivery', database: name, eventId, ...delivery });
  }
  return found;
}
