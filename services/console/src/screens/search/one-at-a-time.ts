import { Bulkhead } from '@convergekit/resilience/engine';
import { conflict } from '../../errors.ts';

const MOST_WAITING = 16;

/** Creates a runner of searches, one at a time: each uses every connection to a database, and other pages need some. */
export function oneAtATime(): <T>(search: () => Promise<T>) => Promise<T> {
  const bulkhead = new Bulkhead('the search', { concurrent: 1, waiting: MOST_WAITING });
  return (search) =>
    bulkhead.run(search).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== 'BULKHEAD_FULL') throw error;
      throw conflict(`${MOST_WAITING} searches wait in this console already: try again`);
    });
}
