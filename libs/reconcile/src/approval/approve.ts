import type { Executor } from '@convergekit/postgres';
import { approveSql, dueNowSql } from './approve-sql.ts';

/** An operator's approval of held repairs: how many, until when, by whom and why. */
export interface Approval {
  readonly reconciler: string;
  /** The keys that may be repaired, each once; no other key is until the approval ends. @default any key */
  readonly keys?: readonly string[] | undefined;
  /** The cap: this number of repairs is made, and the next one is held again. With keys it is their number at most. */
  readonly repairs: number;
  /** The approval ends after this time, in milliseconds; repairs that are left of it are then not made. */
  readonly forMs: number;
  readonly by: string;
  readonly reason: string;
}

export interface Approved {
  readonly until: Date;
  /** Why the repairs were held. */
  readonly held: string;
}

/**
 * Approves held repairs, with an audit row, and makes waiting keys due now. null = nothing was held.
 * It replaces an earlier approval.
 */
export async function approveRepairs(executor: Executor, approval: Approval): Promise<Approved | null> {
  const { reconciler, repairs, forMs, by, reason, keys = null } = approval;
  const { rows } = await executor.query<{ until: Date; held: string }>(approveSql, [
    reconciler,
    keys === null ? repairs : Math.min(repairs, new Set(keys).size),
    forMs,
    by,
    reason,
    keys,
  ]);
  const [approved] = rows;
  if (approved === undefined) return null;
  await executor.query(dueNowSql, [reconciler, keys]);
  return { until: approved.until, held: approved.held };
}
