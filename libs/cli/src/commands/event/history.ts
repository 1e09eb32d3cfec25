import type { Executor } from '@convergekit/postgres';
import { CliError } from '../../frame/cli-error.ts';
import type { CommandContext } from '../../frame/context.ts';
import {
  type DatabaseFlags,
  deliveriesOf,
  type Named,
  withDatabases,
} from '../../history/named-databases.ts';
import { renderStory } from '../../history/render-history.ts';
import { readEffects } from '../../history/effect-sql.ts';
import { rangesIn, readEvents, readSeen } from '../../history/outbox-sql.ts';
import { type Chapter, failuresIn, momentsIn, tell } from '../../history/history.ts';
import { readTried, type Told } from '../../history/attempt-sql.ts';
import { ALWAYS, timeOfId, type Window, windowsAround } from '../../history/window.ts';

export interface StoryFlags extends DatabaseFlags {
  /** Minutes after it, and after each thing that happened to it, in which outboxes are looked at for answers. @default 10 */
  readonly within?: string;
  /** Look at the whole of every outbox. */
  readonly whole?: boolean;
}

/** A failure of a failure of a failure: deeper than that nobody reads. */
const MOST_ROUNDS = 8;

/** What happened to one event and why, from every database that is named. Changes nothing. */
export async function storyCommand(context: CommandContext, id: string, flags: StoryFlags): Promise<boolean> {
  return withDatabases(context.settings, flags, [], async (named) => {
    const chapters = await readChapters(named, id, reachOf(context, id, flags));
    const story = tell(id, chapters, await deliveriesOf(named, chapters));
    if (story.entries.length === 0) throw unknown(id, named);
    context.output.result(story, () => renderStory(story));
    return true;
  });
}

/** The spans of time in which outboxes are looked at, from what is known so far. */
type Reach = (chapters: readonly Chapter[]) => readonly Window[];

function reachOf(
  { output }: CommandContext,
  id: string,
  { within = '10', whole = false }: StoryFlags,
): Reach {
  const minutes = Number(within);
  if (!(minutes > 0 && minutes <= 1_000_000))
    throw new CliError(
      `--within ${within} is no number of minutes above 0: give one, for example --within 60`,
      {
        code: 'CONFIG_INVALID',
        category: 'configuration',
      },
    );
  const made = timeOfId(id);
  return (chapters) => {
    const moments = [...(made === undefined ? [] : [made]), ...momentsIn(chapters)];
    if (!whole && moments.length > 0) return windowsAround(moments, minutes * 60_000);
    if (!whole) output.progress('neither its id nor any attempt says when it was: reading the whole outbox');
    return [ALWAYS];
  };
}

/** The event in each database, then the failure events that it led to, wherever they are compensated. */
async function readChapters(named: readonly Named[], id: string, reach: Reach): Promise<readonly Chapter[]> {
  const chapters: Chapter[] = [];
  const asked = new Set<string>();
  let next: readonly string[] = [id];
  const inEach = async (read: (executor: Executor) => Promise<readonly Told[]>): Promise<void> => {
    for (const { name, database } of named)
      chapters.push({ database: name, stored: await read(database.executor) });
  };
  for (let round = 0; next.length > 0 && round < MOST_ROUNDS; round += 1) {
    const ids = next;
    for (const one of ids) asked.add(one);
    // What says when something happened comes first: it says where in the outboxes to look.
    await inEach((executor) => readTried(executor, ids));
    const windows = reach(chapters);
    await inEach((executor) => readEffects(executor, ids, windows));
    const wider = reach(chapters);
    await inEach(async (executor) => readEvents(executor, ids, await rangesIn(executor, wider)));
    await inEach((executor) => readSeen(executor, ids, wider));
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
