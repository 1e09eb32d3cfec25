import type { Executor } from '@convergekit/postgres';
import { type Recorded, readTried } from './attempt-sql.ts';
import { deliveriesOf, type Named } from './named-databases.ts';
import { readActsAndRepairs } from './act-sql.ts';
import { readEffects } from './effects.ts';
import { type Chapter, momentsIn } from './chapter.ts';
import { failuresIn, type History, historyOf } from './history.ts';
import { scopeOf } from './scope.ts';
import { type Given, readGiven } from './not-given.ts';
import { rangesIn, readEvents, readSeen } from './outbox-sql.ts';
import { ALWAYS, timeOfId, type Window, windowsAround } from './window.ts';

/** A failure of a failure of a failure: an operator reads no deeper. */
const MOST_ROUNDS = 8;

/** How far the outboxes are searched for answers to an event. */
export interface HistoryReach {
  /** Minutes after a moment at which something happened to the event. @default 10 */
  readonly minutes?: number;
  /** Searches the whole of every outbox. @default false */
  readonly whole?: boolean;
  /** Called when the whole of every outbox is read, since no moment is known. */
  readonly onWhole?: () => void;
}

/** Reads what the databases know of an event. Its entries are empty where none knows it. Changes nothing. */
export async function readHistory(
  named: readonly Named[],
  id: string,
  reach: HistoryReach = {},
): Promise<History> {
  const chapters = await readChapters(named, id, reachOf(id, reach));
  const deliveries = await deliveriesOf(named, chapters);
  const scope = scopeOf(id, chapters, deliveries);
  const given: Given[] = [];
  const acts: Chapter[] = [];
  for (const { name, database } of named) {
    given.push(await readGiven(database.executor, name));
    acts.push({ database: name, stored: await readActsAndRepairs(database.executor, scope, scope.keys) });
  }
  return historyOf(id, [...chapters, ...acts], deliveries, given);
}

/** The spans of time in which outboxes are searched, from what is known so far. */
type Reach = (chapters: readonly Chapter[]) => readonly Window[];

function reachOf(id: string, { minutes = 10, whole = false, onWhole }: HistoryReach): Reach {
  const made = timeOfId(id);
  return (chapters) => {
    const moments = [...(made === undefined ? [] : [made]), ...momentsIn(chapters)];
    if (!whole && moments.length > 0) return windowsAround(moments, minutes * 60_000);
    if (!whole) onWhole?.();
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
