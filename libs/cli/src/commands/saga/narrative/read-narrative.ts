import { readInstance, readSagaRecords } from '@convergekit/saga/operate';
import { deliveriesOf, type Named } from '../../../history/named-databases.ts';
import { failuresIn } from '../../../history/history.ts';
import { readStored } from '../../../history/outbox-sql.ts';
import { ALWAYS, type Window, windowsAround } from '../../../history/window.ts';
import type { Stored } from '../../../history/attempt-sql.ts';
import { readActsAndRepairs } from '../../../history/act-sql.ts';
import { type Given, readGiven } from '../../../history/not-given.ts';
import { type NarrativeChapter, sagaScope } from './scope.ts';
import { emittingMoments, eventsOf, type Narrative, narrate } from './narrative.ts';

/** How long after a moment of the saga outboxes are searched for what it emitted, in milliseconds. */
const AFTER_MS = 60_000;

/**
 * Reads what every database holds of one instance of a saga, and joins it. Changes nothing. Outboxes are searched around the
 * moments of the saga only: a search of the whole takes as long as the outbox is large. `whole`: search all of them.
 */
export async function readNarrative(
  named: readonly Named[],
  instance: string,
  { whole = false }: { readonly whole?: boolean } = {},
): Promise<Narrative> {
  const chapters = await Promise.all(named.map((one) => chapterOf(one, instance)));
  const ids = eventsOf(instance, chapters);
  const stored = new Map<string, Stored[]>(chapters.map(({ database }) => [database, []]));
  // The second round asks for the resulting failure events: their attempts are part of the narrative.
  for (const asked of [ids, undefined]) {
    const known = [...stored].map(([database, own]) => ({ database, stored: own }));
    const before = [...stored.values()].flat();
    const windowsOf = (tried: readonly Stored[]): readonly Window[] => {
      const moments = emittingMoments(instance, chapters, [...before, ...tried]);
      return whole || moments.length === 0 ? [ALWAYS] : windowsAround(moments, AFTER_MS);
    };
    const next = asked ?? failuresIn(known).filter((id) => !ids.includes(id));
    for (const { name, database } of named)
      stored.get(name)?.push(...(await readStored(database.executor, next, windowsOf)));
  }
  const read = chapters.map((chapter) => ({ ...chapter, stored: stored.get(chapter.database) ?? [] }));
  const deliveries = await deliveriesOf(named, read);
  const scope = sagaScope(instance, read, deliveries);
  const given: Given[] = [];
  const all: NarrativeChapter[] = [];
  for (const [at, { name, database }] of named.entries()) {
    given.push(await readGiven(database.executor, name));
    const acts = await readActsAndRepairs(database.executor, scope, scope.keys);
    all.push(...read.slice(at, at + 1).map((chapter) => ({ ...chapter, acts })));
  }
  return narrate(instance, all, deliveries, given);
}

/** What one database knows of the instance, before its events are known. */
async function chapterOf({ name, database: { executor } }: Named, instance: string) {
  return {
    database: name,
    saga: await readSagaRecords(executor, { instance }),
    observed: await readInstance(executor, instance),
  };
}
