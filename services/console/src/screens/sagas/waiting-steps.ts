import { findWaitingSteps, retryStep, type WaitingStep } from '@convergekit/saga/operate';
import { ConvergeError } from '@convergekit/core';
import type { Databases, Unread } from '../../databases.ts';
import { conflict, invalidInput } from '../../errors.ts';
import { withQuery } from '../../layout/parts.ts';
import { hasTables } from '../../present-sql.ts';
import { findSagas } from './find-sagas.ts';
import type { SagaSearch } from './search.ts';

/** More matching sagas than this are refused: the filter is narrowed first. */
const MOST = 10_000;

export type FoundStep = WaitingStep & { readonly database: string };

/** Finds the waiting steps of all sagas that match. Refuses a search without a condition, and what cannot be read. */
export async function findWaiting(
  databases: Databases,
  search: SagaSearch,
  now: number,
): Promise<{ readonly sagas: number; readonly steps: readonly FoundStep[] }> {
  if (withQuery('', { ...search }) === '')
    throw invalidInput('choose which sagas: by state, saga, step, reason, age or key');
  const found = await findSagas(databases, search, { now, limit: MOST + 1 });
  refuseUnread(found.unread);
  if (found.rows.length > MOST)
    throw invalidInput(`more than ${MOST} sagas match: narrow the filter, for example by saga or reason`);
  const { rows, unread } = await databases.gather(async (executor) =>
    (await hasTables(executor, 'converge.saga_fence', 'converge.saga_work'))
      ? findWaitingSteps(executor, found.rows)
      : [],
  );
  refuseUnread(unread);
  const steps = rows.filter(({ step }) => search.step === undefined || step === search.step);
  return { sagas: found.rows.length, steps };
}

/** Attempts one step. Returns why it was left alone; undefined = it is due. */
export async function attemptStep(
  databases: Databases,
  { database, instance, step }: FoundStep,
  by: Parameters<typeof retryStep>[2],
): Promise<string | undefined> {
  try {
    await retryStep(databases.get(database).database, { instance, step }, by);
    return undefined;
  } catch (error) {
    if (error instanceof ConvergeError && (error.category === 'data' || error.category === 'contention'))
      return error.message;
    throw error;
  }
}

function refuseUnread([first]: readonly Unread[]): void {
  if (first === undefined) return;
  throw conflict(`${first.database} cannot be read, so what matches is not known: ${first.reason}`);
}
