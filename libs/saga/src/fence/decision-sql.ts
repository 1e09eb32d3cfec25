import { type GivenColumns, givenRows, type Statement } from '@convergekit/postgres/engine';
import type { EndedWork } from '../effects/work/work.ts';
import type { JournalOp, StepKey, WorkOp } from '../effects/work/step-key.ts';
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

/** The work that a decision ends, as its entry keeps it, without what the entry says anyway. */
export interface KeptWork
  extends Pick<EndedWork, 'at' | 'story'>, Partial<Pick<EndedWork, 'event' | 'state'>> {
  readonly op?: WorkOp;
}

function keptWork({ ended, op, causeEvent }: FenceChange): KeptWork | undefined {
  if (ended === undefined) return undefined;
  const { at, story, event, state } = ended;
  return {
    ...{ at, story },
    ...(ended.op === null || ended.op === op ? {} : { op: ended.op }),
    ...(event === causeEvent ? {} : { event }),
    ...(state === 'done' ? {} : { state }),
  };
}

/** A decision as an entry of the journal, of a row with its columns: SQL. */
export const entrySql = (row: string): string => `
    json_strip_nulls(json_build_object('at', ${row}.at, 'version', ${row}.version, 'op', ${row}.op, 'trigger', ${row}.trigger,
      'from', ${row}.state_from, 'to', ${row}.state_to, 'act', ${row}.act, 'outcome', ${row}.outcome, 'plan', ${row}.plan,
      'cause', ${row}.cause_event, 'attempt', ${row}.cause_attempt, 'emitted', ${row}.emitted_event, 'actor', ${row}.actor,
      'note', ${row}.note, 'work', ${row}.work::json))::text`;

/** The columns of a change, in any statement. */
export const changeColumns: GivenColumns<Pick<FenceWrite, 'change' | 'withdraws'>> = {
  saga: ['text', ({ change }) => change.saga],
  instance: ['text', ({ change }) => change.instance],
  step: ['text', ({ change }) => change.step],
  version: ['int', ({ change }) => change.version],
  trigger: ['text', ({ change }) => change.trigger],
  outcome: ['text', ({ change }) => change.outcome],
  plan: ['text', ({ change }) => change.plan],
  cause_event: ['text', ({ change }) => change.causeEvent],
  cause_attempt: ['text', ({ change }) => change.causeAttempt],
  intent: ['text', ({ change }) => change.intent],
  result: ['text', ({ change }) => change.result],
  reason_code: ['text', ({ change }) => change.reason?.code],
  reason: ['text', ({ change }) => change.reason?.text],
  withdraws: ['boolean', ({ withdraws }) => withdraws],
};

/** The columns of a decision, as `entrySql` needs them. */
export const decisionColumns: GivenColumns<FenceWrite> = {
  ...changeColumns,
  op: ['text', ({ change }) => change.op],
  state_from: ['text', ({ decided }) => decided.from],
  state_to: ['text', ({ decided }) => decided.state],
  act: ['text', ({ decided }) => decided.act],
  emitted_event: ['uuid', ({ decided }) => decided.emitted],
  actor: ['text', ({ change }) => change.actor],
  note: ['text', ({ change }) => change.note],
  undo: ['text', ({ change }) => change.undo],
  work: ['text', ({ change }) => JSON.stringify(keptWork(change))],
};

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

/**
 * Builds a statement that writes fences, and ends the timers of decided steps. `write`: SQL that writes the fences `f` from
 * the rows `given`.
 */
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
