import { countDrift, type OpenReconciler, readStatus } from '@convergekit/reconcile/operate';
import type { Executor } from '@convergekit/postgres';
import type { z } from 'zod';
import type { reconcilerSchema } from './answers.ts';
import type { ConsoleContext } from '../../screen.ts';

type ReconcilerRow = Omit<z.input<typeof reconcilerSchema>, 'database'>;

/** Reads the reconcilers of a database, with their divergent keys by verdict. None where it lacks the tables. */
export async function readReconcilers(executor: Executor): Promise<readonly ReconcilerRow[]> {
  const statuses = await readStatus(executor);
  const counts = statuses.length === 0 ? [] : await countDrift(executor);
  return statuses.map((status) => ({
    ...status,
    pending: status.keys.pending,
    verdicts: counts.filter(({ reconciler }) => reconciler === status.name),
  }));
}

/** Finds the declaration of a reconciler whose database has a name; undefined where no module declares it. */
export async function findDeclared(
  { declared, databases }: Pick<ConsoleContext, 'declared' | 'databases'>,
  database: string,
  name: string,
): Promise<OpenReconciler | undefined> {
  const all = await declared.reconcilers();
  const found = all.find((one) => one.name === name && one.actual.in === database);
  const desired = databases.all.find((one) => one.name === found?.desired.in);
  if (found === undefined || desired === undefined) return undefined;
  return { declared: found, desired: desired.database.db, actual: databases.get(database).database.db };
}
