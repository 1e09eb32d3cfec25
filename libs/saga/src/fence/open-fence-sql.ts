import { failpoint } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { type Decided, entrySql, type FenceChange, sqlOf, valuesOf, withTimers } from './decision-sql.ts';

// The parameters 1 to 18 are those of `valuesOf`.
const decisionSql = `
    select $4::int as version, $5::text as op, $6::text as trigger, $19::text as state_from, $7::text as state_to,
        $8::text as act, $9::text as outcome, $14::text as plan, $10::text as cause_event, $11::text as cause_attempt,
        $12::uuid as emitted_event, $13::text as actor, $22::text as note, null::text as work, clock_timestamp() as at`;

// Two transactions may reach a step at the same time: the second one's insert waits. After the first one's commit the
// second finds the row and locks it; after a rollback the row is its own. The second fails with 40001 under REPEATABLE
// READ, and is rerun.
const openedSql = `
    insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, journal, intent, result, undo,
      reason_code, reason, cause_event, cause_attempt, stuck_since, created_at, changed_at)
    select $1::text, $2::text, $3::text, version, $20::text, $21::text, state_to, array[${entrySql('decision')}], $15::text,
        $16::text, $23::text, $17::text, $18::text, cause_event, cause_attempt, case state_to when 'stuck' then at end, at, at
      from decision
     where $24::timestamptz is null
        or not exists (select from converge.saga_horizon h where h.saga = $1 and h.before > $24::timestamptz)
    on conflict (saga, instance, step) do nothing
    returning seq`;

const OPEN = sqlOf(
  (withdraws) => `
  with decision as materialized (${decisionSql}),
  opened as (${openedSql})${withTimers(withdraws, 'exists (select from opened)')}
  select from opened`,
);

/** The place of a row that is made. */
interface FencePlace {
  readonly consumer: string;
  readonly key: string;
  readonly startedAt?: Date | undefined;
  /** True when the timers of the step end. */
  readonly withdraws: boolean;
}

/**
 * Creates the row of a step that is reached for the first time. False: there is a row or, for a run that started at
 * `startedAt`, there may have been one that was removed.
 */
export async function openFence(
  tx: Executor,
  at: FencePlace,
  change: FenceChange,
  decided: Decided,
): Promise<boolean> {
  const { rowCount } = await tx.query(at.withdraws ? OPEN.withdrawing : OPEN.plain, [
    ...valuesOf(change, decided),
    decided.from,
    at.consumer,
    at.key,
    change.note ?? null,
    change.undo ?? null,
    at.startedAt ?? null,
  ]);
  failpoint('saga.after_open_fence');
  return rowCount > 0;
}
