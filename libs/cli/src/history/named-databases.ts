import { inboxMigrations } from '@convergekit/inbox';
import { partitionOf } from '@convergekit/broker/engine';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database, MigrationSet } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { openAt, openDatabase } from '../frame/connections.ts';
import { requireMigrations } from '../frame/migrations.ts';
import type { Settings } from '../frame/settings.ts';
import type { Chapter, Passed } from './history.ts';
import { readDeliveries, type StoredEvent } from './attempt-sql.ts';

/** A database under the name of its source. */
export interface Named {
  readonly name: string;
  readonly database: Database;
}

export interface DatabaseFlags {
  /** More databases, of other services. */
  readonly database?: readonly string[];
}

/** Runs `fn` with DATABASE_URL and those of `flags`, each with its migrations, and closes them. */
export async function withDatabases<T>(
  settings: Settings,
  { database: urls = [] }: DatabaseFlags,
  more: readonly MigrationSet[],
  fn: (named: readonly Named[]) => Promise<T>,
): Promise<T> {
  const opened: Database[] = [];
  try {
    opened.push(await openDatabase(settings, 'converge-story'));
    for (const url of urls) opened.push(await openAt(url, 'converge-story'));
    return await fn(await Promise.all(opened.map((database) => nameOf(database, more))));
  } finally {
    await Promise.all(opened.map((database) => database.close()));
  }
}

async function nameOf(database: Database, more: readonly MigrationSet[]): Promise<Named> {
  await requireMigrations(database.executor, [outboxMigrations, relayMigrations, inboxMigrations, ...more]);
  const { rows } = await database.executor.query<{ name: string }>('select name from converge.source');
  return { name: rows[0]?.name ?? 'unnamed', database };
}

/** How far each consumer in these databases is towards the events of the chapters. */
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
