import { openInstancesIn } from '@convergekit/operate/saga';
import { type ListedInstance, pageInstances } from '@convergekit/saga/operate';
import type { Databases, Gathered } from '../../databases.ts';
import { where } from '../../present-sql.ts';
import { type SagaSearch, searchOf } from './search.ts';

/** Finds the sagas that match a search, in every database with an observer: one page, without an order between databases. */
export async function findSagas(
  databases: Databases,
  search: SagaSearch,
  paging: { readonly now: number; readonly limit: number },
): Promise<Gathered<ListedInstance>> {
  const { rows: open } = await databases.gather(
    where(['converge.saga_fence', 'converge.saga_work'], async (executor) => [
      { ids: await openInstancesIn(executor, search) },
    ]),
  );
  const isAsked = search.step !== undefined || search.attempts !== undefined;
  const ids = isAsked ? [...new Set(open.flatMap((one) => one.ids ?? []))] : undefined;
  const asked = searchOf(search, ids, paging);
  return databases.gather(where('converge.saga_instance', (executor) => pageInstances(executor, asked)));
}
