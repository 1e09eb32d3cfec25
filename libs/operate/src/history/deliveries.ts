import { partitionOf } from '@convergekit/broker/engine';
import type { Database } from '@convergekit/postgres';
import { readDeliveries, type StoredEvent } from './attempt-sql.ts';
import type { Chapter, Passed } from './chapter.ts';

/** A database under the name of its source. */
export interface Named {
  readonly name: string;
  readonly database: Database;
}

/** How a command is given more databases. */
export const GIVE_MORE = 'give them with --database <url>, once for each';

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
