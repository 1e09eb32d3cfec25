import type { Failure } from '@convergekit/core';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import type { Next } from '../work/decide.ts';
import type { LateWork } from '../work/worker-call.ts';
import type { WorkOp } from '../work/step-key.ts';
import { type ClaimedWork, isRefused, type WorkAttempt } from '../work/work.ts';
import type { OverdueWork } from './overdue-sql.ts';
import { hideInput } from './hide-input.ts';
import { reportAttempts } from './record-attempts.ts';

/** Counts and log lines of the worker, in one place. Ids and codes only, never inputs or results. */
export const report = {
  attempts(log: Logger, work: ClaimedWork, attempts: readonly WorkAttempt[], next: Next): void {
    const hide = attempts.some(({ failure }) => failure !== undefined) ? hideInput(work) : undefined;
    reportAttempts(log, named(work), { call: work.call, earlier: earlierOf(work), attempts, next }, hide);
  },

  ended(log: Logger, work: ClaimedWork, processed: string): void {
    if (processed !== 'again')
      instruments().calls.add(1, {
        [attributeNames.call]: work.call,
        [attributeNames.outcome]: processed,
      });
    if (processed === 'stuck')
      log.error(named(work), 'a call waits for an operator: see `converge call show`');
    else if (processed === 'lost')
      log.warn(named(work), 'the lease had gone to another worker; what was known here is dropped');
  },

  overdue(log: Logger, work: OverdueWork, { at, failure }: LateWork): void {
    const { alarm, text } = ALARM_OF[work.op ?? 'call'];
    const reason = failure && hideInput(work)(failure.message);
    instruments().callsLate.add(1, { [attributeNames.call]: work.call, [attributeNames.reason]: at });
    log.error({ alarm, ...named(work), key: work.key, at, code: failure?.code, reason }, text);
  },

  recordingFailed(log: Logger, work: ClaimedWork, { category, code, message }: Failure): void {
    log.error(
      { ...named(work), category, code, reason: hideInput(work)(message) },
      'the outcome is known, but what follows from it failed: it is recorded again later',
    );
  },

  notMarked(log: Logger, id: string, { category, code, message }: Failure): void {
    log.error(
      { alarm: 'call_late', id, category, code, reason: message },
      'work has waited for too long, and could not be marked: see `converge call show`',
    );
  },
};

/** Pure: the number of attempts that earlier runs of the work made. */
export function earlierOf({ story }: Pick<ClaimedWork, 'story'>): number {
  return story.filter((one) => (one.op === 'call' || one.op === 'query') && !isRefused(one)).length;
}

interface Overdue {
  readonly alarm: 'step_stuck' | 'compensation_stuck' | 'timer_late' | 'call_late';
  readonly text: string;
}

const APPLY: Overdue = {
  alarm: 'step_stuck',
  text: 'a step of a saga has waited for too long: it is retried; see `converge saga show`, and `converge saga resolve` where its outcome is known',
};
const UNDO: Overdue = {
  alarm: 'compensation_stuck',
  text: 'an undo has failed for too long: it is retried; see `converge saga show`, and `converge saga resolve` where it was done by hand',
};
const TIMER: Overdue = {
  alarm: 'timer_late',
  text: 'a cancellation or a deadline of a saga has waited for too long: see `converge saga show`',
};
const CALL: Overdue = {
  alarm: 'call_late',
  text: 'a call has waited for too long: it is retried; see `converge call show`, and `converge call resolve` where its outcome is known',
};

/** The alarm of each kind of work: total, so that a new kind has one. */
const ALARM_OF: Readonly<Record<WorkOp | 'call', Overdue>> = {
  apply: APPLY,
  resolve: APPLY,
  compensate: UNDO,
  cancel: TIMER,
  deadline: TIMER,
  expire: TIMER,
  call: CALL,
};

function named({ id, call, cause }: Pick<ClaimedWork, 'id' | 'call' | 'cause'>) {
  return { work: id, call, event: cause.eventId };
}
