import type { Executor } from '@convergekit/postgres';
import type { StepKey } from './step-key.ts';

// The statement uses saga_work_step. A row that a worker has locked to record an outcome is left alone: the worker
// finds the decided fence, and does nothing. A row that is only leased is ended all the same: its worker finds a higher
// term. The row stays for the narrative.
const withdrawSql = `
  update converge.saga_work set state = 'done', ended_at = clock_timestamp(), holder = null, term = term + 1
   where id in (
    select id from converge.saga_work
     where saga = $1 and instance = $2 and step = $3 and op in ('deadline', 'expire') and ended_at is null
       for update skip locked)`;

/** Ends the timers of a step whose outcome is decided. */
export async function withdrawTimers(
  tx: Executor,
  { saga, instance, step }: Omit<StepKey, 'version'>,
): Promise<void> {
  await tx.query(withdrawSql, [saga, instance, step]);
}
