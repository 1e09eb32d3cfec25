import type { Executor } from '@convergekit/postgres';
import { readOpenWork } from './arrival-sql.ts';
import type { Arrived, PendingCheck } from './check-arrival.ts';
import { type Wait, waitAgain } from './wait.ts';

/**
 * Looks for parked events and open steps again, in the transaction of the repair and after its write; undefined = none.
 * A drain or a worker that changed actual before the write made the repair a conflict; one that comes later waits for the
 * written rows, and what it works on is still seen here. A look before the transaction would miss what opens in between.
 */
export async function confirmArrived(
  tx: Executor,
  { work, flight }: Arrived,
  before: Wait | null,
): Promise<PendingCheck | undefined> {
  const why = await readOpenWork(tx, work);
  return why && { kind: 'pending', why, wait: waitAgain(before, why.kind, flight) };
}
