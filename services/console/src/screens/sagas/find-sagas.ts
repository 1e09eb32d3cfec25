import { findOpenInstances, type ListedInstance, pageInstances } from '@convergekit/saga/operate';
import type { Databases, Gathered } from '../../databases.ts';
import { where } from '../../present-sql.ts';
import { type SagaSearch, searchOf } from './search.ts';

/** At most so many sagas are looked up by their open step. */
const MOST_OPEN = 5_000;

/** Finds the sagas that match a search, in every database with an observer: one page, without an order between databases. */
export async function findSagas(
  databases: Databases,
  search: SagaSearch,
  paging: { readonly now: number; readonly limit: number },
): Promise<Gathered<ListedInstance>> {
  const asked = searchOf(search, await openInstances(databases, search), paging);
  return databases.gather(where('converge.saga_instance', (executor) => pageInstances(executor, asked)));
}

/** Finds the sagas of which a step is open, where the search asks for a step or for attempts. */
async function openInstances(
  databases: Databases,
  { saga, step, attempts }: SagaSearch,
): Promise<readonly string[] | undefined> {
  if (step === undefined && attempts === undefined) return undefined;
  const { rows } = await databases.gather(
    where(['converge.saga_fence', 'converge.saga_work'], async (executor) => {
      const found = await findOpenInstances(executor, { saga, step, attempts, limit: MOST_OPEN });
      return found.map((instance) => ({ instance }));
    }),
  );
  return [...new Set(rows.map(({ instance }) => instance))];
}
