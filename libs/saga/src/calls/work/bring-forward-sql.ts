import { executorOf } from '@convergekit/postgres';
import type { Transaction } from 'kysely';
import { announceWork } from './announce.ts';
import type { StepKey } from './step-key.ts';

// The statement uses saga_work_step. A row that a worker holds is left alone: it ends by itself.
const bringForwardSql = `
  update converge.saga_work set due_at = clock_timestamp() where id in (
    select id from converge.saga_work
     where saga = $1 and instance = $2 and step = $3 and op in ('apply', 'resolve') and holder is null
       and state in ('ready', 'unknown', 'answered') and due_at > clock_timestamp()
       for update skip locked)`;

/** Makes the worker query now a step's call whose outcome is awaited. */
export async function bringForward<DB>(
  tx: Transaction<DB>,
  { saga, instance, step }: Omit<StepKey, 'version'>,
): Promise<void> {
  const { rowCount } = await executorOf(tx).query(bringForwardSql, [saga, instance, step]);
  if (rowCount > 0) await announceWork(tx, { dueMs: 0 });
}
