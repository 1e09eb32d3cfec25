import { failpoint } from '@convergekit/core/engine';
import { openTimersSql, withdrawnSql } from '@convergekit/effects/engine';
import type { Executor } from '@convergekit/postgres';
import { sendAhead, sizeUnknownSql } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { type Decided, type FenceChange, journalColumns } from './decision-sql.ts';
import { columnsOf, fenceSealSql, stepSealSql } from './seal-sql.ts';

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
const moveSql = (withdraws: boolean): string => `
  with given as materialized (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::text[], $16::text[], $17::text[],
        $18::text[], $19::text[], $20::text[], $21::text[], $22::boolean[])
      with ordinality as g (saga, instance, step, version, op, trigger, state_from, state_to, act, outcome, cause_event,
        cause_attempt, emitted_event, actor, plan, intent, result, reason_code, reason, note, undo, withdraws, row)
     ${sizeUnknownSql}),
  known as materialized (
    select fence.*, given.row from given cross join lateral (
      select * from converge.saga_fence f
       where f.saga = given.saga and f.instance = given.instance and f.step = given.step) as fence),
  decision as materialized (
    select g.saga, g.instance, g.step, known.seq + 1 as seq, g.version, g.op, g.trigger, g.state_from, g.state_to, g.act,
        g.outcome, g.plan, g.cause_event, g.cause_attempt, g.emitted_event, g.actor, g.note, clock_timestamp() as at,
        g.row, known.journal_seal as before
      from given g join known on known.row = g.row),
  sealed as materialized (select decision.*, ${stepSealSql('decision', 'decision.before')} as seal from decision),
  fence as materialized (
    select known.saga, known.instance, known.step, known.version, known.consumer, known.key, sealed.state_to as state,
        sealed.seq, coalesce(g.intent, known.intent) as intent, coalesce(g.result, known.result) as result,
        coalesce(g.undo, known.undo) as undo, coalesce(g.reason_code, known.reason_code) as reason_code,
        coalesce(g.reason, known.reason) as reason, sealed.cause_event,
        coalesce(sealed.cause_attempt, known.cause_attempt) as cause_attempt,
        case when sealed.trigger = 'stuck' then coalesce(known.stuck_since, sealed.at)
          when sealed.trigger in ('undo', 'cancel', 'deadline') then known.stuck_since end as stuck_since,
        known.created_at, sealed.at as changed_at, sealed.seal as journal_seal
      from known join sealed on sealed.row = known.row join given g on g.row = known.row),
  moved as (
    update converge.saga_fence f set
      state = fence.state, seq = fence.seq, intent = fence.intent, result = fence.result, undo = fence.undo,
      reason_code = fence.reason_code, reason = fence.reason, cause_event = fence.cause_event,
      cause_attempt = fence.cause_attempt, stuck_since = fence.stuck_since, changed_at = fence.changed_at,
      journal_seal = fence.journal_seal, seal = ${fenceSealSql('fence')}
    from fence where f.saga = fence.saga and f.instance = fence.instance and f.step = fence.step
    returning f.saga, f.instance, f.step)${withdraws ? `,\n  withdrawn as (${withdrawnSql(timersSql)})` : ''}
  insert into converge.saga_step (${journalColumns})
  select ${columnsOf('sealed', journalColumns)}
    from sealed join moved
      on moved.saga = sealed.saga and moved.instance = sealed.instance and moved.step = sealed.step
   order by sealed.row`;

const MOVE = { plain: moveSql(false), withdrawing: moveSql(true) };

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
  ];
  return { text, values };
}
