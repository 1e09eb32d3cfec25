import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { type DatabaseFlags, deliveriesOf, type Named, withDatabases } from '../story/named-databases.ts';
import { renderStory } from '../story/render-story.ts';
import { type Chapter, failuresIn, tell } from '../story/story.ts';
import { readStored } from '../story/story-sql.ts';

/** A failure of a failure of a failure: deeper than that nobody reads. */
const MOST_ROUNDS = 8;

/** What happened to one event and why, from every database that is named. Changes nothing. */
export async function storyCommand(
  context: CommandContext,
  id: string,
  flags: DatabaseFlags,
): Promise<boolean> {
  return withDatabases(context.settings, flags, [], async (named) => {
    const chapters = await readChapters(named, id);
    const story = tell(id, chapters, await deliveriesOf(named, chapters));
    if (story.entries.length === 0) throw unknown(id, named);
    context.output.result(story, () => renderStory(story));
    return true;
  });
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

function unknown(id: string, named: readonly Named[]): CliError {
  const names = named.map(({ name }) => name).join(', ');
  return new CliError(
    `event ${id} is not known in ${names}: neither emitted, tried, parked nor recorded there. Check the id (ce_id of the record, or \`converge outbox list\`); name the databases of the other services with --database; an event that was applied at once is known only while its outbox row is retained (CONVERGE__RELAY__RETAIN_MS)`,
    { code: 'EVENT_UNKNOWN', category: 'data' },
  );
}
