import { inboxMigrations } from '@converge/inbox';
import { partitionOf } from '@converge/kafka';
import { outboxMigrations } from '@converge/outbox';
import type { Database } from '@converge/postgres';
import { relayMigrations } from '@converge/relay';
import { CliError } from '../cli-error.ts';
import { openAt, openDatabase } from '../connections.ts';
import type { CommandContext } from '../context.ts';
import { requireMigrations } from '../migrations.ts';
import { renderStory } from '../story/render-story.ts';
import { type Chapter, failuresIn, type Passed, tell } from '../story/story.ts';
import { readDeliveries, readStored, type StoredEvent } from '../story/story-sql.ts';

export interface StoryFlags {
  /** More databases, of the services that the event went through. */
  readonly database?: readonly string[];
}

/** A failure of a failure of a failure: deeper than that nobody reads. */
const MOST_ROUNDS = 8;

/** What happened to one event and why, from every database that is named. Changes nothing. */
export async function storyCommand(context: CommandContext, id: string, flags: StoryFlags): Promise<boolean> {
  const opened: Database[] = [];
  try {
    opened.push(await openDatabase(context.settings, 'converge-story'));
    for (const url of flags.database ?? []) opened.push(await openAt(url, 'converge-story'));
    const named = await Promise.all(opened.map(nameOf));
    const chapters = await readChapters(named, id);
    const story = tell(id, chapters, await deliveriesOf(named, chapters));
    if (story.entries.length === 0) throw unknown(id, named);
    context.output.result(story, () => renderStory(story));
    return true;
  } finally {
    await Promise.all(opened.map((database) => database.close()));
  }
}

interface Named {
  readonly name: string;
  readonly database: Database;
}

async function nameOf(database: Database): Promise<Named> {
  await requireMigrations(database.executor, [outboxMigrations, relayMigrations, inboxMigrations]);
  const { rows } = await database.executor.query<{ name: string }>('select name from converge.source');
  return { name: rows[0]?.name ?? 'unnamed', database };
}

/** The event in each database, then the failure events that it led to, wherever they are compensated. */
async function readChapters(named: readonly Named[], id: string): Promise<readonly Chapter[]> {
  const chapters: Chapter[] = [];
  const asked = new Set<string>();
  let next: readonly string[] = [id];
  for (let round = 0; next.length > 0 && round < MOST_ROUNDS; round += 1) {
    for (const one of next) asked.add(one);
    for (const { name, database } of named)
      chapters.push({ database: name, stored: await readStored(database.executor, next) });
    next = failuresIn(chapters).filter((one) => !asked.has(one));
  }
  return chapters;
}

async function deliveriesOf(
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

function unknown(id: string, named: readonly Named[]): CliError {
  const names = named.map(({ name }) => name).join(', ');
  return new CliError(
    `event ${id} is not known in ${names}: neither emitted, tried, parked nor recorded there. Check the id (ce_id of the record, or \`converge outbox list\`); name the databases of the other services with --database; an event that was applied at once is known only while its outbox row is retained (CONVERGE__RELAY__RETAIN_MS)`,
    { code: 'EVENT_UNKNOWN', category: 'data' },
  );
}
