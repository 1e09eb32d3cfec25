import type { Executor } from '@convergekit/postgres';
import { readActsAndRepairs, type StoredAct, type StoredRepair } from './act-sql.ts';
import type { Scope } from './acts.ts';
import { type Recorded, readTried } from './attempt-sql.ts';
import type { Chapter } from './chapter.ts';
import { readCalls } from './calls.ts';
import { failuresIn } from './history.ts';
import type { Named } from './deliveries.ts';
import { type Given, readGiven } from './not-given.ts';
import { rangesIn, readEvents, readSeen } from './outbox-sql.ts';
import type { Window } from './window.ts';

export interface Reading {
  readonly ids: readonly string[];
  /** The most rounds. Each asks for the failure events that the round before found. */
  readonly rounds: number;
  /** The spans of time in which outboxes are searched, from what is known so far. */
  readonly windowsOf: (chapters: readonly Chapter[]) => readonly Window[];
  /** Reads the calls, too, that handlers of the events asked for. @default false */
  readonly calls?: boolean;
}

/** Reads events in each database, then the resulting failure events, wherever they are compensated. */
export async function readChapters(
  named: readonly Named[],
  { ids: first, rounds, windowsOf, calls = false }: Reading,
): Promise<readonly Chapter[]> {
  const chapters: Chapter[] = [];
  const asked = new Set<string>();
  const inEach = async (read: (executor: Executor) => Promise<readonly Recorded[]>): Promise<void> => {
    for (const { name, database } of named)
      chapters.push({ database: name, stored: await read(database.executor) });
  };
  let ids = first;
  for (let round = 0; ids.length > 0 && round < rounds; round += 1) {
    const now = ids;
    for (const one of now) asked.add(one);
    // Attempts, parked rows and calls come first: their times say where in the outboxes to search.
    await inEach((executor) => readTried(executor, now));
    if (calls) {
      const windows = windowsOf(chapters);
      await inEach((executor) => readCalls(executor, now, windows));
    }
    const windows = windowsOf(chapters);
    await inEach(async (executor) => readEvents(executor, now, await rangesIn(executor, windows)));
    await inEach((executor) => readSeen(executor, now, windows));
    ids = failuresIn(chapters).filter((one) => !asked.has(one));
  }
  return chapters;
}

/** What was done about a story, and what the databases have, one of each for each database. */
interface Around {
  readonly acts: readonly {
    readonly database: string;
    readonly stored: readonly (StoredAct | StoredRepair)[];
  }[];
  readonly given: readonly Given[];
}

/** Reads the acts of operators and the repairs that belong to a story, and what each database has. */
export async function readAround(
  named: readonly Named[],
  scope: Scope & { readonly keys: readonly string[] },
): Promise<Around> {
  const acts: Around['acts'][number][] = [];
  const given: Given[] = [];
  for (const { name, database } of named) {
    given.push(await readGiven(database.executor, name));
    acts.push({ database: name, stored: await readActsAndRepairs(database.executor, scope, scope.keys) });
  }
  return { acts, given };
}
