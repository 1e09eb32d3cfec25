import { failpoint } from '@convergekit/core/engine';
import { openTimersSql, withdrawnSql } from '../effects/work/withdraw-sql.ts';
import type { Executor } from '@convergekit/postgres';
import { sendAhead, sizeUnknownSql } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { type Decided, entrySql, type FenceChange, keptWork, sqlOf } from './decision-sql.ts';

/** A decision about a fence that the transaction has locked. */
export interface FenceMove {
  readonly change: FenceChange;
  readonly decided: Decided;
  /** True when the timers of the step end. */
  readonly withdraws: boolean;
}

const timersSql = `
      select timer.id from moved join given g on g.saga = moved.saga and g.instance = moved.instance and g.step = moved.step
       cross join lateral (${openTimersSql('g.saga', 'g.instance', 'g.step', 'true')}) as timer where g.withdraws`;

// The rows are locked by us, and found by their primary keys. A step goes on waiting for an operator through what says
// nothing about its outcome.
const MOVE = sqlOf(
  (withdraws) => `
  with given as materialized (
    select g.*, clock_timestamp() as at
      from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::text[], $16::text[], $17::text[],
        $18::text[], $19::text[], $20::text[], $21::text[], $22::boolean[], $23::text[], $24::int[])
      as g (saga, instance, step, version, op, trigger, state_from, state_to, act, outcome, cause_event,
        cause_attempt, emitted_event, actor, plan, intent, result, reason_code, reason, note, undo, withdraws, work, failed_calls)
     ${sizeUnknownSql}),
  moved as (
    update converge.saga_fence f set
      state = g.state_to, seq = f.seq + 1, journal = f.journal || ${entrySql('g')},
      intent = coalesce(g.intent, f.intent), result = coalesce(g.result, f.result), undo = coalesce(g.undo, f.undo),
      reason_code = coalesce(g.reason_code, f.reason_code), reason = coalesce(g.reason, f.reason),
      cause_event = g.cause_event, cause_attempt = coalesce(g.cause_attempt, f.cause_attempt),
      stuck_since = case when g.trigger = 'stuck' then coalesce(f.stuck_since, g.at)
        when g.trigger in ('undo', 'cancel', 'deadline') then f.stuck_since end,
      changed_at = g.at, failed_calls = f.failed_calls + coalesce(g.failed_calls, 0)
    from given g where f.saga = g.saga and f.instance = g.instance and f.step = g.step
    returning f.saga, f.instance, f.step)${withdraws ? `,\n  withdrawn as (${withdrawnSql(timersSql)})` : ''}
  select from moved`,
);

/** Writes a decision about a locked row. */
export async function moveFence(tx: Executor, move: FenceMove): Promise<void> {
  const { text, values } = statementOf([move]);
  await tx.query(text, values);
  failpoint('saga.after_move_fence');
}

/** Writes decisions about locked rows of distinct steps, by one statement whose answer is not awaited. */
export function moveFences<DB>(tx: Transaction<DB>, moves: readonly FenceMove[]): Promise<void> {
  return sendAhead(tx, statementOf(moves));
}

function statementOf(moves: readonly FenceMove[]) {
  const column = (of: (move: FenceMove) => unknown) => moves.map((move) => of(move) ?? null);
  const text = moves.some(({ withdraws }) => withdraws) ? MOVE.withdrawing : MOVE.plain;
  const values = [
    column(({ change }) => change.saga),
    column(({ change }) => change.instance),
    column(({ change }) => change.step),
    column(({ change }) => change.version),
    column(({ change }) => change.op),
    column(({ change }) => change.trigger),
    column(({ decided }) => decided.from),
    column(({ decided }) => decided.state),
    column(({ decided }) => decided.act),
    column(({ change }) => change.outcome),
    column(({ change }) => change.causeEvent),
    column(({ change }) => change.causeAttempt),
    column(({ decided }) => decided.emitted),
    column(({ change }) => change.actor),
    column(({ change }) => change.plan),
    column(({ change }) => change.intent),
    column(({ change }) => change.result),
    column(({ change }) => change.reason?.code),
    column(({ change }) => change.reason?.text),
    column(({ change }) => change.note),
    column(({ change }) => change.undo),
    column(({ withdraws }) => withdraws),
    column(({ change }) => JSON.stringify(keptWork(change))),
    column(({ change }) => change.ended?.failedCalls),
  ];
  return { text, values };
}
