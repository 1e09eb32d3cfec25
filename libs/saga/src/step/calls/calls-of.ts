import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import { type StandardSchema, stepUndoneEvent } from '@convergekit/contracts/engine';
import type { ConsumerDefinition } from '@convergekit/inbox';
import { executorOf } from '@convergekit/postgres';
import { BusinessRejection } from '@convergekit/core';
import type { CallContext, Found } from '../../calls/declare/types.ts';
import { defineCall } from '../../calls/declare/define-call.ts';
import type {
  WorkerCall,
  CallFailure,
  HandlerCall,
  OutcomeContext,
  Reactions,
} from '../../calls/work/worker-call.ts';
import { EFFECT_STAYS, resolvedBy } from '../../calls/work/work.ts';
import type { WorkOp } from '../../calls/work/step-key.ts';
import { SagaError } from '../../errors.ts';
import { lockOfWorkSql } from '../../fence/fence-sql.ts';
import { applyToLocked } from '../../fence/apply-trigger.ts';
import type { StepInput } from './request-work.ts';
import { stuckHooks } from './stuck.ts';
import { callName, workOpsOf, type Member } from '../member.ts';
import { applyCall, undoCall } from './step-call.ts';
import { begunOf, factMade } from '../facts.ts';
import { membersOf } from '../part.ts';
import { recordFact, type KnownOutcome, recordFailure } from '../record-outcome.ts';
import type { StoredFact } from '../stored-event.ts';
import { timerCall } from './timer.ts';
import { lockedFence, toolsOf } from '../tools.ts';
import type { StepQuestion } from '../types.ts';
import { acceptEffect, emitNoop, emitUndone, undoing, undoNow } from '../undo.ts';
import type { StepUndo } from '../undo-events.ts';

/**
 * Returns what the saga worker of these consumers does: the calls that they declare, and the work of their steps.
 * `sagaWorker(callsOf(orders, payments), …)`.
 * @example
 * ```ts
 * import { callsOf, sagaWorker } from 'convergekit/process';
 * import { database, payments } from './shop.ts';
 *
 * export const worker = sagaWorker(callsOf(payments), { database });
 * ```
 */
export function callsOf<DB>(...consumers: readonly ConsumerDefinition<DB>[]): readonly WorkerCall<DB>[] {
  // The cast is safe: only `defineCall` makes requestable calls. Consumers that share a call have one worker.
  const calls = new Set(
    consumers.flatMap(({ requestable }) => requestable as readonly HandlerCall<DB, never, string>[]),
  );
  const members = consumers.flatMap(({ parts }) => membersOf(parts));
  return [...calls, ...members.flatMap(callsOfStep)];
}

/** The work of one step. */
function callsOfStep<DB>(member: Member<DB>): readonly WorkerCall<DB>[] {
  const { name, keepMs } = member.declaration;
  const saga = { name, keepMs };
  return workOpsOf(member).map((op) => {
    const isTimer = op === 'cancel' || op === 'deadline' || op === 'expire';
    return Object.freeze({ ...workerCallOf(member, op), lockSql: lockOfWorkSql, saga: { ...saga, isTimer } });
  });
}

function workerCallOf<DB>(member: Member<DB>, op: WorkOp): WorkerCall<DB> {
  switch (op) {
    case 'apply':
      return applyCall(member, applied(member));
    case 'resolve':
      return resolveCall(member);
    case 'compensate':
      return compensateCall(member);
    case 'cancel':
    case 'deadline':
    case 'expire':
      return timerCall(member, op, { input: stored.input, result: asStored<null>() });
  }
}

/** A schema for values that the engine stores, which are not changed. */
function asStored<T>(): StandardSchema<T, T> {
  return { '~standard': { version: 1, vendor: 'converge', validate: (value) => ({ value: value as T }) } };
}
const stored = { input: asStored<StepInput>(), result: asStored<StoredFact | null>() };

/** Resolves a local apply of unknown outcome: it is queried; without a `query` it waits for an operator's word. */
function resolveCall<DB>(member: Member<DB>): WorkerCall<DB> {
  const { query, settleMs = 0 } = member.handlers.local ?? {};
  const denied = new BusinessRejection('it has not taken effect', { code: 'NOT_APPLIED' });
  const unresolvable = new SagaError(
    'OUTCOME_UNKNOWN',
    `step ${member.step.name} has no query: an operator resolves it with \`converge saga resolve\``,
    {
      category: 'data',
      certainty: 'unknown',
    },
  );
  const declared = defineCall(callName(member.step, 'resolve'), {
    ...stored,
    // Its call is the refusal of what the query did not find, and a repeat says the same.
    idempotency: query === undefined ? 'none' : 'keyed',
    call: () => Promise.reject(query === undefined ? unresolvable : denied),
    ...asking(member, query, settleMs),
  });
  return Object.freeze({ ...declared.onOutcome<DB>(applied(member)), ...stuckHooks(member, 'apply') });
}

type Query = (question: StepQuestion<never>) => Promise<DomainEvent | undefined>;

function asking<DB>(member: Member<DB>, query: Query | undefined, settleMs: number) {
  if (query === undefined) return {};
  return {
    settleMs,
    query: async (input: StepInput, context: CallContext): Promise<Found<StoredFact | null>> => {
      const made = await query({ ...context, ...begunOf(member, input) });
      return made === undefined
        ? { kind: 'not_found' }
        : { kind: 'applied', result: factMade(member, () => made) };
    },
  };
}

/** The reactions to the outcome of an apply. */
function applied<DB>(member: Member<DB>): Reactions<DB, StepInput, StoredFact | null> {
  return {
    succeeded: (fact: StoredFact | null, context: OutcomeContext<DB, StepInput>): Promise<void> => {
      if (fact === null) throw new TypeError(`the outcome of ${member.step.name} is empty`);
      return recordFact(knownOutcomeOf(member, context), fact, toolsOf(context));
    },
    failed: (failure: CallFailure, context: OutcomeContext<DB, StepInput>) =>
      recordFailure(knownOutcomeOf(member, context), failure, context.attempts, toolsOf(context)),
  };
}

/** The undo: of a call its `compensate`, and of a local step what failed in its slice. It is never given up. */
function compensateCall<DB>(member: Member<DB>): WorkerCall<DB> {
  const { step, handlers } = member;
  const declared = defineCall(callName(step, 'compensate'), {
    ...stored,
    idempotency: 'keyed',
    call: () => Promise.resolve(null),
  });
  const recording = declared.onOutcome<DB>({
    succeeded: (fact, context) => undone(member, fact, context),
    failed: (failure, context) => keptEffect(member, failure, context),
  });
  const undo = { ...recording, endless: true, ...stuckHooks(member, 'compensate') };
  return Object.freeze(handlers.undone === undefined ? undo : { ...undo, ...undoCall(member, recording) });
}

/** Handles an undo whose effect an operator accepts: the effect stays, and the previous step continues. */
async function keptEffect<DB>(
  member: Member<DB>,
  { code, message }: CallFailure,
  context: OutcomeContext<DB, StepInput>,
): Promise<void> {
  if (code !== EFFECT_STAYS) throw new TypeError(`the undo of ${member.step.name} cannot fail: ${message}`);
  await acceptEffect(undoOf(member, context), toolsOf(context));
}

/** Returns the undo whose outcome is recorded; an operator who stated it is part of the cause. */
function undoOf<DB>(
  member: Member<DB>,
  { input: { instance, cause }, attempts }: OutcomeContext<DB, StepInput>,
): StepUndo<DB> {
  if (cause === undefined) throw new TypeError(`the undo of ${member.step.name} has no cause`);
  return { member, instance, cause: { ...cause, ...resolvedBy(attempts) } };
}

async function undone<DB>(
  member: Member<DB>,
  fact: StoredFact | null,
  context: OutcomeContext<DB, StepInput>,
): Promise<void> {
  const of = undoOf(member, context);
  const tools = toolsOf(context);
  const row = lockedFence(context);
  if (fact !== null) {
    const kit = stepUndoneEvent(member.step.by);
    const definition: EventDefinition = fact.type === kit.type ? kit : (member.step.undone ?? kit);
    const made = definition(definition.parse(fact.payload, fact.version) as never);
    return emitUndone(of, made, tools, row);
  }
  // The rest of the work of an undo that failed in its slice.
  if (row === undefined) return;
  if (row.state === 'undo_pending') return undoNow(of, row, tools);
  const request = { ...undoing(of, 'undone'), ended: context.ended };
  const { act } = await applyToLocked(executorOf(tools.tx), request, row);
  if (act === 'emit_undone') await emitNoop(of, row, tools);
}

function knownOutcomeOf<DB>(member: Member<DB>, context: OutcomeContext<DB, StepInput>): KnownOutcome<DB> {
  const { instance, events = [], resolves } = context.input;
  return { member, instance, events, resolves, row: lockedFence(context), ...resolvedBy(context.attempts) };
}
