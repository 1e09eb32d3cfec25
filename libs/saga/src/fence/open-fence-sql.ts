import { failpoint } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import {
  type Decided,
  decisionSql,
  type FenceChange,
  journalColumns,
  sqlOf,
  valuesOf,
  withTimers,
} from './decision-sql.ts';
import { columnsOf, FENCE_COLUMNS, fenceSealSql, stepSealSql } from './seal-sql.ts';

/** A fence that has no row yet, of the first row of its journal. */
const newFenceSql = `
    select saga, instance, step, version, $20::text as consumer, $21::text as key, state_to as state, 1 as seq,
        $15::text as intent, $16::text as result, $23::text as undo, $17::text as reason_code, $18::text as reason,
        cause_event, cause_attempt, case state_to when 'stuck' then at end as stuck_since, at as created_at,
        at as changed_at, seal as journal_seal
      from sealed`;

// Two transactions may reach a step at the same time: the second one's insert waits. After the first one's commit the
// second finds the row and locks it; after a rollback the row is its own. The second fails with 40001 under REPEATABLE
// READ, and is rerun.
const openedSql = `
    insert into converge.saga_fence (${FENCE_COLUMNS}, seal)
    select ${FENCE_COLUMNS}, ${fenceSealSql('fence')} from fence
     where $24::timestamptz is null
        or not exists (select from converge.saga_horizon h where h.saga = $1 and h.before > $24::timestamptz)
    on conflict (saga, instance, step) do nothing
    returning seq`;

// The cost is one index entry, and one in the journal. The statement that writes both rows seals them.
const openSql = (withdraws: boolean): string => `
  with decision as materialized (${decisionSql({ seq: '1', from: '$19', note: '$22' })}),
  sealed as materialized (select decision.*, ${stepSealSql('decision', 'null')} as seal from decision),
  fence as materialized (${newFenceSql}),
  opened as (${openedSql})${withTimers(withdraws, 'exists (select from opened)')}
  insert into converge.saga_step (${journalColumns})
  select ${columnsOf('sealed', journalColumns)} from sealed, opened`;

const OPEN = sqlOf(openSql);

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
