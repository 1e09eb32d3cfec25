import { sagaMigrations } from '@convergekit/saga';
import { nearest } from '@convergekit/config/engine';
import { knowsInstance, listSagasHere, MOST_COUNTED, type SagaPause } from '@convergekit/saga/operate';
import type { CommandContext } from '../../frame/context.ts';
import { refused } from '../../frame/errors.ts';
import { argument, text } from '../../frame/flags.ts';
import { databases, type Named, namedDatabases } from '../../history/named-databases.ts';
import { unknownInstance } from './show.ts';

export const sagaArgument = { saga: argument('the name of the saga') };

export const oneInstance = {
  instance: text('id', 'only this instance (default: all of the saga, in every version)'),
  ...databases,
};

/** Opens the databases that run steps of the saga. Rejects when none does, or when no database knows the instance. */
export async function databasesOfSaga(
  context: CommandContext,
  saga: string,
  instance: string | undefined,
  urls: readonly string[],
): Promise<readonly Named[]> {
  const named = await namedDatabases(context, urls, [sagaMigrations]);
  const sagas = await Promise.all(named.map(({ database }) => listSagasHere(database.executor)));
  const here = named.filter((_, index) => sagas[index]?.includes(saga));
  if (here.length === 0) {
    const meant = nearest(saga, sagas.flat());
    throw refused(
      'SAGA_NOT_FOUND',
      `no step of saga ${saga} runs in ${named.map(({ name }) => name).join(', ')}${meant === undefined ? '' : ` (did you mean ${meant}?)`}: nothing was changed. Name the databases of the services that run it with --database`,
    );
  }
  if (instance === undefined) return here;
  const knows = await Promise.all(
    named.map(({ database }) => knowsInstance(database.executor, saga, instance)),
  );
  if (!knows.includes(true)) throw unknownInstance(instance, named);
  return here;
}

/** What a pause holds, for people. Pure. */
export function heldText({ held, inFlight }: Pick<SagaPause, 'held' | 'inFlight'>): string {
  const more = held >= MOST_COUNTED ? 'or more ' : '';
  return `${held} ${more}${held === 1 ? 'call waits' : 'calls wait'}, ${inFlight} in flight ${inFlight === 1 ? 'ends' : 'end'}`;
}

export const nameOf = (saga: string, instance: string | null | undefined): string =>
  instance == null ? saga : `${saga} ${instance}`;
