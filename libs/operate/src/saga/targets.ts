import { sagaMigrations } from '@convergekit/saga';
import { readPauseTarget, type SagaPause } from '@convergekit/saga/operate';
import { lastActs } from '../audit/last-acts.ts';
import { sagaName } from '../conditions/saga-items.ts';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { didYouMean } from '../host/did-you-mean.ts';
import { refused } from '../host/errors.ts';
import { type InputOf, name, text } from '../registry/fields.ts';
import type { Reads, Tables } from '../registry/reads.ts';

/** A saga runs in several databases: one that cannot be read may run it, too. */
export const tables: Tables = {
  migrations: [sagaMigrations],
  table: 'converge.saga_pause',
  isEverywhere: () => true,
  needsAll: true,
};

/** The fields that name a saga, or one instance. */
export const target = {
  saga: name('the name of the saga'),
  instance: text('id', 'only this instance (default: all of the saga, in every version)'),
};
type Target = InputOf<typeof target>;

export const nameOf = ({ saga, instance }: Target): string => sagaName(saga, instance);

/** A database that runs steps of the saga, with its pause of exactly this target. */
export interface Running {
  readonly database: NamedDatabase;
  readonly pause: SagaPause | undefined;
}

/** Finds the databases that run steps of the saga. Rejects with SAGA_NOT_FOUND where none does, or none knows the instance. */
export async function runningIt(
  { databases }: Pick<Reads, 'databases'>,
  { saga, instance }: Target,
): Promise<readonly Running[]> {
  const found = await Promise.all(
    databases.map(async (database) => ({
      database,
      ...(await readPauseTarget(database.executor, { saga, instance })),
    })),
  );
  const here = found.filter(({ sagas }) => sagas.includes(saga));
  if (here.length === 0)
    throw refused(
      'SAGA_NOT_FOUND',
      `no step of saga ${saga} runs in ${namesOf(databases)}${didYouMean(
        saga,
        found.flatMap(({ sagas }) => sagas),
      )}: nothing was changed. Name the databases of the services that run it with --database`,
    );
  if (instance !== undefined && !found.some(({ knows }) => knows)) throw unknownInstance(instance, databases);
  return here;
}

const namesOf = (databases: readonly { readonly name: string }[]): string =>
  databases.map(({ name: one }) => one).join(', ');

export const unknownInstance = (instance: string, databases: readonly { readonly name: string }[]) =>
  refused(
    'SAGA_NOT_FOUND',
    `saga ${instance} is not known in ${namesOf(databases)}: no step of it ran there and no observer saw it. Check the id (of the event that started it: \`converge saga list\`), and name the databases of the other services with --database`,
  );

/** Says what operators last did to a saga, or to one instance. */
export async function lastActsOn(
  here: readonly Running[],
  { saga, instance }: Target,
): Promise<readonly string[]> {
  const all = here.map(({ database }) => lastActs(database.executor, [instance ?? saga], 'saga'));
  return (await Promise.all(all)).flat();
}

/** The databases as rows and lines, for a dry run. */
export const thingsOf = (here: readonly Running[]) => {
  const lines = here.map(({ database }) => database.name);
  return Promise.resolve({ rows: lines.map((database) => ({ database })), lines });
};

export const databasesWord = (count: number): string => (count === 1 ? 'database' : 'databases');
