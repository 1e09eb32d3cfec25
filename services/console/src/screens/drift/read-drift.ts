import {
  countDrift,
  diffOne,
  type DriftKey,
  type FieldDiff,
  knownReconcilers,
  type OpenReconciler,
  readDrift,
  readStatus,
  recordedFields,
} from '@convergekit/reconcile/operate';
import type { Executor } from '@convergekit/postgres';
import type { z } from 'zod';
import { reconcilersOfSettings } from '@convergekit/cli/operate';
import type { Reconciler } from '@convergekit/reconcile';
import type { driftKeySchema, reconcilerSchema } from './answers.ts';
import type { ConsoleContext } from '../../screen.ts';

type ReconcilerRow = Omit<z.input<typeof reconcilerSchema>, 'database'>;

/** Reads the reconcilers of a database, with their divergent keys by verdict. None where it lacks the tables. */
export async function readReconcilers(executor: Executor): Promise<readonly ReconcilerRow[]> {
  if ((await knownReconcilers(executor)).length === 0) return [];
  const counts = await countDrift(executor);
  return (await readStatus(executor)).map(({ name, held, paused, overdueSince, leader, ...one }) => ({
    name,
    ...{ held, paused, overdueSince, leader },
    approved: one.approved,
    pending: one.keys.pending,
    lastCompletedAt: one.lastCompletedAt,
    window: one.window,
    verdicts: counts
      .filter(({ reconciler }) => reconciler === name)
      .map(({ verdict, keys, oldest }) => ({ verdict, keys, oldest })),
  }));
}

/** Compares a divergent key now where its reconciler is declared; else takes the states of its last verdict. */
export async function fieldsOfKey(
  row: DriftKey,
  open: OpenReconciler | undefined,
): Promise<Pick<z.input<typeof driftKeySchema>, 'compared' | 'fields'>> {
  if (open === undefined)
    return {
      compared:
        row.recorded === null ? { kind: 'never' } : { kind: 'recorded', at: new Date(row.recorded.at) },
      fields: recordedFields(row).map(field),
    };
  const { verdict, reason, fields } = await diffOne(open, row.key);
  return { compared: { kind: 'now', verdict, reason }, fields: fields.map(field) };
}

/** Reads a key of a reconciler as divergent, or compares it now where it is not queued. undefined = neither is possible. */
export async function readKey(
  executor: Executor,
  place: { readonly database: string; readonly reconciler: string; readonly key: string; readonly now: Date },
  open: OpenReconciler | undefined,
): Promise<z.input<typeof driftKeySchema> | undefined> {
  const { now, ...names } = place;
  const [row] = await readDrift(executor, names.reconciler, { key: names.key, limit: 1 });
  if (row !== undefined) return { ...names, ...row, ...(await fieldsOfKey(row, open)) };
  if (open === undefined) return undefined;
  const { verdict, reason, fields } = await diffOne(open, names.key);
  return {
    ...{ ...names, verdict, reason, since: null, lookedAt: now, nextAt: null },
    compared: { kind: 'now', verdict, reason },
    fields: fields.map(field),
  };
}

const field = ({ field: name, desired, actual, lastWritten, marks }: FieldDiff) => ({
  field: name ?? '(value)',
  desired,
  actual,
  lastWritten,
  marks: [...marks],
});

/** Finds the declaration of a reconciler whose database has a name; undefined where no module declares it. */
export type FindDeclared = (database: string, name: string) => Promise<OpenReconciler | undefined>;

/** Makes the search in the modules of the settings, which are imported once, at the first use. */
export function declaredReconcilers({ settings, databases }: ConsoleContext): FindDeclared {
  let imported: Promise<readonly Reconciler[]> | undefined;
  return async (database, name) => {
    imported ??= reconcilersOfSettings(settings);
    const declared = (await imported).find((one) => one.name === name && one.actual.in === database);
    const desired = databases.all.find((one) => one.name === declared?.desired.in);
    if (declared === undefined || desired === undefined) return undefined;
    return { declared, desired: desired.database.db, actual: databases.get(database).database.db };
  };
}
