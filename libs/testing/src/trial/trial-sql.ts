import type { Executor } from '@convergekit/postgres';
import type { WorkState } from '@convergekit/saga/operate';

/** Work of a saga that has not ended. */
export interface OpenWork {
  /** The id of the call's row. */
  readonly id: string;
  /** The name of the call. */
  readonly call: string;
  /** What is called for: `apply` or `compensate`. */
  readonly op: string;
  /** The step of the saga. */
  readonly step: string;
  /** The key of the run's events. */
  readonly key: string;
  /** The idempotency key under which the other system knows it. */
  readonly idempotencyKey: string;
  /** The state of the call, as `converge.saga_work` has it. */
  readonly state: WorkState;
  /** True while a worker holds it. */
  readonly held: boolean;
}

export async function readOpenWork(executor: Executor, instance: string): Promise<readonly OpenWork[]> {
  const sql = `select id, call, op, step, key, idempotency_key as "idempotencyKey", state, holder is not null as held
                 from converge.saga_work
                where instance = $1 order by id`;
  return (await executor.query<OpenWork>(sql, [instance])).rows;
}

/** Makes one piece of work due, although another worker holds it. */
export async function makeDue(executor: Executor, id: string): Promise<void> {
  const sql = `update converge.saga_work set due_at = clock_timestamp() - interval '1 second' where id = $1`;
  await executor.query(sql, [id]);
}

/** Makes "not found" final for the calls of a run: none is on its way any more. */
export async function makeFinal(executor: Executor, instance: string): Promise<void> {
  // A row that is ready may have a call in doubt, which no query has denied: the repeat finds its effect.
  const sql = `update converge.saga_work set final_at = null
                where instance = $1 and final_at is not null and holder is null and state <> 'ready'`;
  await executor.query(sql, [instance]);
}

export async function deleteWork(executor: Executor, instance: string): Promise<void> {
  await executor.query('delete from converge.saga_work where instance = $1', [instance]);
}

export interface FenceRow {
  readonly step: string;
  readonly state: string;
}

export async function readFences(executor: Executor, instance: string): Promise<readonly FenceRow[]> {
  const sql = 'select step, state from converge.saga_fence where instance = $1 order by step';
  return (await executor.query<FenceRow>(sql, [instance])).rows;
}
