import { executorOf } from '@convergekit/postgres';
import type { HookTools, LateWork } from '../effects/effect/types.ts';
import type { StuckReason } from '../effects/work/work.ts';
import type { FenceState } from '../fence/fence.ts';
import type { Reason } from '../fence/decision-sql.ts';
import { lockFence } from '../fence/fence-sql.ts';
import type { StepInput } from './request-work.ts';
import { type Member, requestOf } from './member.ts';
import { markStuck } from './mark-stuck.ts';

/** Marks the step of a call that is stuck. */
export function stuckApply<DB>(member: Member<DB>) {
  return async (tools: HookTools<DB>, text: string, code: StuckReason): Promise<void> => {
    const reason = { code, text: STUCK[code] };
    await markStepStuck(member, tools, text, { op: 'apply', reason, why: reason });
  };
}

/** Reports a stuck undo; the reason of the undo stays recorded. */
export function stuckUndo<DB>(member: Member<DB>) {
  return (tools: HookTools<DB>, text: string, code: StuckReason): Promise<void> =>
    markStepStuck(member, tools, text, { op: 'compensate', why: { code, text: STUCK[code] } });
}

/** The reasons for which work is stuck, in words. */
export const STUCK: Readonly<Record<StuckReason, string>> = {
  outcome_unknown: 'it may have taken effect, cannot be repeated, and no query can say so',
  result_lost: 'it took effect, and its result cannot be read',
  input_unreadable: 'no deployed version of the code understands its intent',
  record_swept: 'its record had left when its undo was asked for, so what it did is not known here',
  operator: 'an operator stopped it',
};

interface StuckMark {
  readonly op: 'apply' | 'compensate';
  readonly why: Reason;
  /** The reason of the step, where it has none yet. */
  readonly reason?: Reason;
}

/** Shows a step as stuck whose call, question or outcome has waited too long. False: the step was shown already. */
export function lateApply<DB>(member: Member<DB>) {
  return async (tools: HookTools<DB>, text: string, { at, failure }: LateWork): Promise<boolean> => {
    const row = await lockFence(executorOf(tools.tx), JSON.parse(text) as StepInput);
    if (row === undefined || row.stuck || !WAITS_FOR_OUTCOME.includes(row.state)) return false;
    const why = { code: LATE_APPLY[at], text: failure?.message ?? 'no worker has begun it' };
    await markStepStuck(member, tools, text, { op: 'apply', why, reason: why });
    return true;
  };
}

/** Shows a step as stuck whose undo, or undone event, has waited too long. */
export function lateUndo<DB>(member: Member<DB>) {
  return async (tools: HookTools<DB>, text: string, { at, failure }: LateWork): Promise<boolean> => {
    const row = await lockFence(executorOf(tools.tx), JSON.parse(text) as StepInput);
    if (row === undefined || row.stuck) return false;
    const code =
      row.state !== 'undo_pending' ? 'noop_failing' : at === 'start' ? 'not_begun' : 'undo_failing';
    const why = { code, text: failure?.message ?? 'no worker has begun it' };
    await markStepStuck(member, tools, text, { op: 'compensate', why });
    return true;
  };
}

const WAITS_FOR_OUTCOME: readonly FenceState[] = ['started', 'unknown', 'undo_pending'];

/** The names of late work for an observer, the journal and the CLI. */
const LATE_APPLY: Readonly<Record<LateWork['at'], string>> = {
  start: 'not_begun',
  call: 'call_failing',
  query: 'query_failing',
  settlement: 'settlement_failing',
};

async function markStepStuck<DB>(
  member: Member<DB>,
  { tx, emit }: HookTools<DB>,
  text: string,
  { op, why, reason }: StuckMark,
): Promise<void> {
  const { instance, events = [], cause } = JSON.parse(text) as StepInput;
  const request = {
    ...requestOf(member, instance, cause?.event ?? events[0], op, 'stuck'),
    causeAttempt: cause?.attemptId,
    outcome: why.code,
    reason,
  };
  await markStuck(tx, request, why, emit);
}
