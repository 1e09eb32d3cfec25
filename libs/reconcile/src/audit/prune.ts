import { executorOf } from '@convergekit/postgres';
import type { WorkersOptions } from '../workers.ts';

const BATCH = 1_000;

// The owner's function deletes: the login of the reconciler cannot change or delete a row of the audit itself.
const pruneSql = `select converge.reconcile_audit_prune($1, $2) as removed`;

/** Removes audit rows older than `auditMs` in short transactions. Returns their number. */
export async function pruneAudit(
  { databases, auditMs }: Pick<WorkersOptions, 'databases' | 'auditMs'>,
  signal: AbortSignal,
): Promise<number> {
  const executor = executorOf(databases.actual);
  let total = 0;
  while (!signal.aborted) {
    const { rows } = await executor.query<{ removed: string }>(pruneSql, [auditMs, BATCH]);
    const removed = Number(rows[0]?.removed ?? 0);
    total += removed;
    if (removed < BATCH) break;
  }
  return total;
}
