import type { Executor } from '@convergekit/postgres';
import { recordActSql } from '@convergekit/postgres/operate';

// One statement: the approval and its audit row. The window counts from the end of the approval, with its repairs spent: the next
// repair is held again.
const approveSql = `
  with before as (
    select name, held_reason from converge.reconciler where name = $1 and held_at is not null for update
  ), approved as (
    update converge.reconciler r set held_at = null, held_reason = null, approved = $2, approved_keys = $6,
      approved_until = clock_timestamp() + $3::float8 * interval '1 millisecond',
      approved_by = $4, approved_reason = $5
    from before where r.name = before.name
    returning r.name, r.approved_until, before.held_reason
  )
  select approved_until as until, held_reason as held, ${recordActSql('reconcile approve', {
    subject: 'name',
    by: '$4',
    reason: '$5',
    before: `jsonb_build_object('held', held_reason)`,
    after: `jsonb_build_object('repairs', $2::bigint, 'keys', to_jsonb($6::text[]), 'until', approved_until)`,
  })} as id
    from approved`;

/** Keys that wait with a drift are looked at now: all of them, or those that are named. */
const dueNowSql = `
  update converge.reconcile_key set next_at = clock_timestamp()
   where reconciler = $1 and state = 'queued' and drift_hash is not null and ($2::text[] is null or key = any ($2))`;

/** An operator's approval of held repairs: how many, until when, by whom and why. */
interface Approval {
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

interface Approved {
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
