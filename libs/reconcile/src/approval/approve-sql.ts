import { recordActSql } from '@convergekit/postgres/operate';

// One statement: the approval and its audit row. The window counts from now, with its repairs spent: when the approval is
// used up, the next repair is held again.
export const approveSql = `
  with before as (
    select name, held_reason from converge.reconciler where name = $1 and held_at is not null for update
  ), approved as (
    update converge.reconciler r set held_at = null, held_reason = null, window_started_at = clock_timestamp(),
      approved = $2, approved_keys = $6, approved_until = clock_timestamp() + $3::float8 * interval '1 millisecond',
      approved_by = $4, approved_reason = $5
    from before where r.name = before.name
    returning r.name, r.approved_until, before.held_reason
  )
  select approved_until as until, held_reason as held, ${recordActSql('reconcile approve', {
    ...{ subject: 'name', by: '$4', reason: '$5', before: `jsonb_build_object('held', held_reason)` },
    after: `jsonb_build_object('repairs', $2::bigint, 'keys', to_jsonb($6::text[]), 'until', approved_until)`,
  })} as id
    from approved`;

/** Keys that wait with a drift are looked at now: all of them, or those that are named. */
export const dueNowSql = `
  update converge.reconcile_key set next_at = clock_timestamp()
   where reconciler = $1 and state = 'queued' and drift_hash is not null and ($2::text[] is null or key = any ($2))`;
