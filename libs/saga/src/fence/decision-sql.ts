import { type GivenColumns, givenRows, type Statement } from '@convergekit/postgres/engine';
import type { EndedWork } from '../calls/work/work.ts';
import type { JournalOp, StepKey } from '../calls/work/step-key.ts';
import type { FenceAct, FenceFrom, FenceState, FenceTrigger } from './fence.ts';

/** The reason why a step failed or is undone, for operators and the compensation. */
export interface Reason {
  readonly code: string;
  readonly text: string;
}

/** The fields of one decision: absent values leave the row unchanged. */
export interface FenceChange extends StepKey {
  readonly op: JournalOp;
  readonly trigger: FenceTrigger;
  readonly causeEvent: string;
  readonly causeAttempt?: string | undefined;
  readonly reason?: Reason | undefined;
  readonly intent?: string | undefined;
  readonly result?: string | undefined;
  readonly undo?: string | undefined;
  readonly outcome?: string | undefined;
  readonly plan?: string | undefined;
  readonly actor?: string | undefined;
  readonly note?: string | undefined;
  /** The work whose outcome makes the decision. */
  readonly ended?: EndedWork | undefined;
  /** The time when the causing event was emitted: a repeat from before the record's removal does nothing. */
  readonly causeTime?: Date | undefined;
}

/** The decision that is written. */
export interface Decided {
  readonly from: FenceFrom;
  readonly state: FenceState;
  readonly act: FenceAct;
  readonly emitted: string | undefined;
}

/** A decision about a step, as it is written. */
export interface FenceWrite {
  readonly change: FenceChange;
  readonly decided: Decided;
  /** True when the timers of the step end. */
  readonly withdraws: boolean;
}

/** The columns of a change, in any statement. */
export const changeColumns: GivenColumns<Pick<FenceWrite, 'change' | 'withdraws'>> = {
  saga: ['text', ({ change }) => change.saga],
  instance: ['text', ({ change }) => change.instance],
  step: ['text', ({ change }) => change.step],
  intent: ['text', ({ change }) => change.intent],
  result: ['text', ({ change }) => change.result],
  reason_code: ['text', ({ change }) => change.reason?.code],
  reason: ['text', ({ change }) => change.reason?.text],
  cause_event: ['text', ({ change }) => change.causeEvent],
  cause_attempt: ['text', ({ change }) => change.causeAttempt],
  withdraws: ['boolean', ({ withdraws }) => withdraws],
};

/** An entry of the journal with the time of its decision: SQL. `entry`: the rest of it, see `restOf`. */
export const entrySql = (at: string, entry: string): string =>
  `'{"at":' || to_json(${at})::text || ',' || ${entry}`;

// Ends the timers of decided steps, by saga_work_step. A row that a worker has locked to record an outcome is left alone:
// the worker finds the decided fence, and does nothing. A row that is only leased leaves all the same: its worker finds none.
const withdrawnSql = `
    delete from converge.saga_work where id in (
      select timer.id from written join given g on g.saga = written.saga and g.instance = written.instance and g.step = written.step
       cross join lateral (
         select id from converge.saga_work
          where saga = g.saga and instance = g.instance and step = g.step and op in ('deadline', 'expire')
            for update skip locked) as timer
       where g.withdraws)`;

/** Builds a statement that writes fences `f` by the SQL `write`, from the rows `given`, and ends their timers. */
export function fenceStatement<Row extends Pick<FenceWrite, 'withdraws'>>(
  columns: GivenColumns<Row>,
  write: string,
): (rows: readonly Row[]) => Statement {
  const statement = (withdrawn: string) =>
    givenRows(
      columns,
      (given) => `
  with given as materialized (select g.*, clock_timestamp() as at from (${given}) as g),
  written as (${write}
    returning f.saga, f.instance, f.step)${withdrawn}
  select from written`,
    );
  const plain = statement('');
  const withdrawing = statement(`,\n  withdrawn as (${withdrawnSql})`);
  return (rows: readonly Row[]) => (rows.some(({ withdraws }) => withdraws) ? withdrawing : plain)(rows);
}
