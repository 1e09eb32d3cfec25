import { executorOf } from '@convergekit/postgres';
import type { WorkerCall, HookTools, LateWork } from '../../calls/work/worker-call.ts';
import type { StuckReason } from '../../calls/work/work.ts';
import type { FenceState } from '../../fence/fence.ts';
import type { Reason } from '../../fence/decision-sql.ts';
import { lockFence } from '../../fence/fence-sql.ts';
import type { StepInput } from './request-work.ts';
import { type Member, requestOf } from '../member.ts';
import type { DomainEvent } from '@convergekit/contracts';
import { stuckEvent } from '@convergekit/contracts/engine';
import type { EmitAs } from '@convergekit/inbox/engine';
import type { Transaction } from 'kysely';
import { applyTrigger, type TriggerRequest, type Transition } from '../../fence/apply-trigger.ts';
import { countCompensation } from '../apply-to-step.ts';
import { formatSagaRef } from '../saga-ref.ts';

type Op = 'apply' | 'compensate';

/** Returns the hooks that show a step as stuck when its work is, or is late. `late` is false for known steps. */
export function stuckHooks<DB>(member: Member<DB>, op: Op): Required<Pick<WorkerCall<DB>, 'stuck' | 'late'>> {
  return {
    stuck: (tools, text, code) => markStepStuck(member, op, tools, text, { code, text: STUCK[code] }),
    late: async (tools, text, { at, failure }) => {
      const row = await lockFence(executorOf(tools.tx), JSON.parse(text) as StepInput);
      const code = row === undefined || row.stuck ? undefined : lateCode(op, row.state, at);
      if (code === undefined) return false;
      const why = { code, text: failure?.message ?? 'no worker has begun it' };
      await markStepStuck(member, op, tools, text, why);
      return true;
    },
  };
}

/** The reasons for which work is stuck, in words. */
export const STUCK: Readonly<Record<StuckReason, string>> = {
  outcome_unknown: 'it may have taken effect, cannot be repeated, and no query can say so',
  result_lost: 'it took effect, and its result cannot be read',
  input_unreadable: 'no deployed version of the code understands its intent',
  record_swept: 'its record had left when its undo was asked for, so what it did is not known here',
};

/** Pure: the name of late work for an observer, the journal and the CLI. Undefined: its step waits for no outcome. */
function lateCode(op: Op, state: FenceState, at: LateWork['at']): string | undefined {
  if (op === 'apply') return WAITS_FOR_OUTCOME.includes(state) ? LATE_APPLY[at] : undefined;
  if (state !== 'undo_pending') return 'noop_failing';
  return at === 'start' ? 'not_begun' : 'undo_failing';
}

const WAITS_FOR_OUTCOME: readonly FenceState[] = ['started', 'unknown', 'undo_pending'];

const LATE_APPLY: Readonly<Record<LateWork['at'], string>> = {
  start: 'not_begun',
  call: 'call_failing',
  query: 'query_failing',
  settlement: 'settlement_failing',
};

async function markStepStuck<DB>(
  member: Member<DB>,
  op: Op,
  { tx, emit }: HookTools<DB>,
  text: string,
  why: Reason,
): Promise<void> {
  const { instance, events = [], cause } = JSON.parse(text) as StepInput;
  const request = {
    ...requestOf({ member, instance }, cause?.event ?? events[0], op, 'stuck'),
    causeAttempt: cause?.attemptId,
    outcome: why.code,
    // The reason of an undo stays recorded.
    reason: op === 'apply' ? why : undefined,
  };
  await markStuck(tx, request, why, emit);
}

/** The emit of a slice, or of the recording of an outcome. */
export type Emit = (event: DomainEvent, as: EmitAs) => void;

/** Marks a step as stuck, and emits the reason for observers in the same transaction. */
export async function markStuck<DB>(
  tx: Transaction<DB>,
  request: TriggerRequest,
  { code, text }: Reason,
  emit: Emit,
): Promise<Transition> {
  const stuck = { ...request, trigger: 'stuck' } as const;
  const transition = await countCompensation(tx, stuck, await applyTrigger(tx, stuck));
  const { emits, seq } = transition;
  if (emits === undefined) return transition;
  const { saga: name, version, instance, step, consumer, key } = request;
  const op = request.op === 'compensate' ? 'compensate' : 'apply';
  const of = { saga: { name, version, instance, step, op }, key: transition.row?.key ?? key, seq } as const;
  emit(stuckEvent(consumer)({ ...of, is: 'stuck', code, reason: text }), {
    id: emits,
    saga: formatSagaRef(request),
  });
  return transition;
}
