import type { EndedWork } from '../effects/work/work.ts';
import type { JournalOp, StepKey, WorkOp } from '../effects/work/step-key.ts';
import { withdrawTimersSql } from '../effects/work/withdraw-sql.ts';
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

/** The work that a decision ends, as its entry keeps it, without what the entry says anyway. */
export interface KeptWork
  extends Pick<EndedWork, 'at' | 'story'>, Partial<Pick<EndedWork, 'event' | 'state'>> {
  readonly op?: WorkOp;
}

export function keptWork({ ended, op, causeEvent }: FenceChange): KeptWork | undefined {
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
