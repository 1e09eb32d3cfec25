import { readInstance, readSagaRecords } from '@convergekit/saga/operate';
import type { Chapter } from '../history/chapter.ts';
import { deliveriesOf, type Named } from '../history/deliveries.ts';
import { readAround, readChapters } from '../history/read-chapters.ts';
import { ALWAYS, type Window, windowsAround } from '../history/window.ts';
import { emittingMoments, eventsOf, type Narrative, narrate } from './narrative.ts';
import { sagaScope } from './scope.ts';

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
  const sagas = await Promise.all(named.map((one) => sagaOf(one, instance)));
  const windowsOf = (known: readonly Chapter[]): readonly Window[] => {
    const moments = emittingMoments(
      instance,
      sagas,
      known.flatMap(({ stored }) => stored),
    );
    return whole || moments.length === 0 ? [ALWAYS] : windowsAround(moments, AFTER_MS);
  };
  // The second round asks for the resulting failure events: their attempts are part of the narrative.
  const found = await readChapters(named, { ids: eventsOf(instance, sagas), rounds: 2, windowsOf });
  const read = sagas.map((one) => ({
    ...one,
    stored: found.filter(({ database }) => database === one.database).flatMap(({ stored }) => stored),
  }));
  const deliveries = await deliveriesOf(named, read);
  const { acts, given } = await readAround(named, sagaScope(instance, read, deliveries));
  const chapters = read.map((one, at) => ({ ...one, acts: acts[at]?.stored ?? [] }));
  return narrate(instance, chapters, deliveries, given);
}

/** What one database knows of the instance, before its events are known. */
async function sagaOf({ name, database: { executor } }: Named, instance: string) {
  return {
    database: name,
    saga: await readSagaRecords(executor, { instance }),
    observed: await readInstance(executor, instance),
  };
}
