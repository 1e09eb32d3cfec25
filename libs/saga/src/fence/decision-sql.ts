import { type JournalOp, type StepKey, withdrawTimersSql } from '@convergekit/effects/engine';
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

/** The columns of a row of the journal. */
export const journalColumns = `saga, instance, step, seq, version, op, trigger, state_from, state_to, act, outcome, plan,
  cause_event, cause_attempt, emitted_event, actor, note, at, seal`;

/** The columns of a row of the journal that are not the same in every statement, as SQL. */
interface DecisionColumns {
  readonly seq: string;
  readonly from: string;
  readonly note: string;
}

/** A row of the journal, with the parameters that all statements have in the same places. */
export const decisionSql = ({ seq, from, note }: DecisionColumns): string => `
    select $1::text as saga, $2::text as instance, $3::text as step, ${seq} as seq, $4::int as version, $5::text as op,
        $6::text as trigger, ${from}::text as state_from, $7::text as state_to, $8::text as act, $9::text as outcome,
        $14::text as plan, $10::text as cause_event, $11::text as cause_attempt, $12::uuid as emitted_event,
        $13::text as actor, ${note}::text as note, clock_timestamp() as at`;

/** The timers of the step end where it is decided. */
export const withTimers = (withdraws: boolean, condition: string): string =>
  withdraws ? `,\n  withdrawn as (${withdrawTimersSql('$1', '$2', '$3', condition)})` : '';

/** A statement without and with the end of the timers. */
export const sqlOf = (text: (withdraws: boolean) => string): Record<'plain' | 'withdrawing', string> => ({
  plain: text(false),
  withdrawing: text(true),
});
/** The parameters that all statements have in the same places. */
export function valuesOf(change: FenceChange, { state, act, emitted }: Decided): readonly unknown[] {
  const { saga, instance, step, version, op, trigger, causeEvent, causeAttempt, reason } = change;
  const { outcome, actor, plan, intent, result } = change;
  return [
    ...[saga, instance, step, version, op, trigger, state, act],
    ...[outcome, causeEvent, causeAttempt, emitted, actor, plan, intent, result, reason?.code, reason?.text],
  ].map((value) => value ?? null);
}
