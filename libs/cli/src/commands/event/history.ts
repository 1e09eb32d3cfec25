import type { Executor } from '@convergekit/postgres';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { argument, count, toggle } from '../../frame/flags.ts';
import type { Output } from '../../frame/output.ts';
import { result } from '../../frame/result.ts';
import { type Recorded, readTried } from '../../history/attempt-sql.ts';
import { readEffects } from '../../history/effect-sql.ts';
import { type Chapter, failuresIn, historyOf, momentsIn } from '../../history/history.ts';
import { databases, deliveriesOf, type Named, namedDatabases } from '../../history/named-databases.ts';
import { rangesIn, readEvents, readSeen } from '../../history/outbox-sql.ts';
import { renderHistory } from '../../history/render-history.ts';
import { ALWAYS, timeOfId, type Window, windowsAround } from '../../history/window.ts';

/** A failure of a failure of a failure: an operator reads no deeper. */
const MOST_ROUNDS = 8;

/** Shows what happened to one event and why, from every database that is named. Changes nothing. */
export const historyCommand = command({
  name: 'history',
  aliases: ['story'],
  summary: 'what happened to an event and why: emitted, attempts, waits, parked, dead letter, compensated',
  args: { id: argument("the event's id (ce_id)") },
  flags: {
    ...databases,
    within: count('minutes', 'how long after it outboxes are searched for answers', 10),
    whole: toggle('search the whole of every outbox'),
  },
  run: async (context, { id, database, within, whole }) => {
    const named = await namedDatabases(context, database, []);
    const chapters = await readChapters(named, id, reachOf(context.output, id, within, whole));
    const history = historyOf(id, chapters, await deliveriesOf(named, chapters));
    if (history.entries.length === 0) throw unknown(id, named);
    return result(history, () => renderHistory(history));
  },
});

/** The spans of time in which outboxes are searched, from what is known so far. */
type Reach = (chapters: readonly Chapter[]) => readonly Window[];

function reachOf(output: Output, id: string, minutes: number, whole: boolean): Reach {
  const made = timeOfId(id);
  return (chapters) => {
    const moments = [...(made === undefined ? [] : [made]), ...momentsIn(chapters)];
    if (!whole && moments.length > 0) return windowsAround(moments, minutes * 60_000);
    if (!whole) output.progress('neither its id nor any attempt says when it was: reading the whole outbox');
    return [ALWAYS];
  };
}

/** Reads the event in each database, then the resulting failure events, wherever they are compensated. */
async function readChapters(named: readonly Named[], id: string, reach: Reach): Promise<readonly Chapter[]> {
  const chapters: Chapter[] = [];
  const asked = new Set<string>();
  let next: readonly string[] = [id];
  const inEach = async (read: (executor: Executor) => Promise<readonly Recorded[]>): Promise<void> => {
    for (const { name, database } of named)
      chapters.push({ database: name, stored: await read(database.executor) });
  };
  for (let round = 0; next.length > 0 && round < MOST_ROUNDS; round += 1) {
    const ids = next;
    for (const one of ids) asked.add(one);
    // Attempts and parked rows come first: their times say where in the outboxes to search.
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

function unknown(id: string, named: readonly Named[]) {
  const names = named.map(({ name }) => name).join(', ');
  return refused(
    'EVENT_UNKNOWN',
    `event ${id} is not known in ${names}: neither emitted, tried, parked nor recorded there. Check the id (ce_id of the record, or \`converge outbox list\`); name the databases of the other services with --database; an event that was applied at once is known only while its outbox row is retained (CONVERGE__RELAY__RETAIN_MS)`,
  );
}
