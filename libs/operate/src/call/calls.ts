import { shellWord } from '@convergekit/core/engine';
import { type Executor, withTransaction } from '@convergekit/postgres';
import { type Operator, recordAct } from '@convergekit/postgres/operate';
import { sagaMigrations } from '@convergekit/saga';
import { actOnWork, type Outcome, readWork, type WorkDetail } from '@convergekit/saga/operate';
import { lastActs } from '../audit/last-acts.ts';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { refused } from '../host/errors.ts';
import type { Concerned } from '../host/rights.ts';
import { isRefusal } from '../registry/each.ts';
import type { Reads, Tables } from '../registry/reads.ts';

export const tables: Tables = { migrations: [sagaMigrations], table: 'converge.saga_work' };

/** A call to another system, and the database that has it. */
export interface Call {
  readonly database: NamedDatabase;
  readonly work: WorkDetail;
}

/** Finds the first database whose read does not refuse. Rejects with the last refusal, or with `code` where there is no database. */
export async function firstOf<T>(
  { databases }: Pick<Reads, 'databases'>,
  read: (database: NamedDatabase) => Promise<T>,
  code: string,
): Promise<T> {
  let last = refused(code, 'no database here has tables of calls and sagas');
  for (const database of databases)
    try {
      return await read(database);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      last = error;
    }
  throw last;
}

/** Reads a call. Rejects with WORK_NOT_FOUND, or with WORK_OF_SAGA for that of a saga's step: its journal records who acted. */
export async function requireCall(reads: Pick<Reads, 'databases'>, id: string): Promise<Call> {
  const read = async (database: NamedDatabase): Promise<Call> => ({
    database,
    work: await readWork(database.executor, id),
  });
  const found = await firstOf(reads, read, 'WORK_NOT_FOUND');
  const { instance, step } = found.work;
  if (instance === null) return found;
  throw refused(
    'WORK_OF_SAGA',
    `${id} is of a step of a saga, whose journal records who acted: use \`converge saga retry ${shellWord(instance)} ${step ?? ''}\`, or \`converge saga resolve\``,
  );
}

export const concernedOf = (calls: readonly Call[]): Concerned => {
  const only = (names: readonly string[]): string => (new Set(names).size === 1 ? (names[0] ?? '*') : '*');
  return {
    database: only(calls.map(({ database }) => database.name)),
    consumer: only(calls.map(({ work }) => work.consumer)),
  };
};

export async function lastActsOn(calls: readonly Call[]): Promise<readonly string[]> {
  const all = calls.map(({ database, work }) => lastActs(database.executor, [work.id]));
  return (await Promise.all(all)).flat();
}

/** Acts on a call, and records who did it and why where all acts of operators are listed. */
export async function actOnCall({ database, work }: Call, by: Operator, outcome?: Outcome): Promise<void> {
  const act = outcome === undefined ? 'call retry' : 'call resolve';
  const after = { outcome: outcome?.kind };
  await withTransaction(database.database, {}, async (tx: Executor) => {
    await actOnWork(tx, work.id, by, outcome);
    await recordAct(tx, { act, subject: work.id, ...by, after });
  });
}
