import type { Executor } from '@convergekit/postgres';
import { explainMissing } from '../../explain-missing.ts';
import { SagaError } from '../../errors.ts';

/** The time after which a silent worker counts as gone, in milliseconds: it reports each minute. */
export const WORKER_GONE_MS = 600_000;

// Declares calls in the order of names, so that two workers do not deadlock.
const declareSql = `
  insert into converge.saga_worker (call, holder, quota)
  select call, $2, quota from unnest($1::text[], $3::text[]) as g (call, quota) order by call
  on conflict (call) do update set holder = excluded.holder, seen_at = clock_timestamp(), quota = excluded.quota`;

/** Says that a worker does the work of these calls in this database. `quotas`: by the name of the call. */
export async function declareCalls(
  executor: Executor,
  calls: readonly string[],
  holder: string,
  quotas: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  await executor.query(declareSql, [calls, holder, calls.map((call) => quotas.get(call) ?? null)]);
}

const missingSql = `
  select call from unnest($1::text[]) as given (call)
   where not exists (select from converge.saga_worker worker
                      where worker.call = given.call
                        and worker.seen_at > clock_timestamp() - $2::float8 * interval '1 millisecond')
   order by call`;

/** Rejects with WORKER_MISSING when no worker of this database does the work of one of these calls. */
export async function checkWorkers(
  executor: Executor,
  consumer: string,
  calls: readonly string[],
): Promise<void> {
  const { rows } = await executor
    .query<{ call: string }>(missingSql, [calls, WORKER_GONE_MS])
    .catch(explainMissing);
  if (rows.length === 0) return;
  const names = rows.map(({ call }) => call).join(', ');
  throw new SagaError(
    'WORKER_MISSING',
    `consumer ${consumer} cannot start: it needs a saga worker for ${names}, and this database has none: run the consumer by defineService(), which starts its worker, or start sagaWorker(callsOf(${consumer}), { database }) before it`,
  );
}

/** The error of a requested call that no worker has ever declared here. */
export function workerMissing(call: string): SagaError {
  return new SagaError(
    'WORKER_MISSING',
    `no worker in this database makes the call ${call}, so it would wait for ever: declare it in the consumer whose handler requests it, \`defineConsumer(…).calls(…)\`, for which defineService() starts the worker`,
  );
}
