import type { DomainEvent, StandardSchema } from '@convergekit/contracts';
import type { ConsumerDefinition } from '@convergekit/inbox';
import { executorOf } from '@convergekit/postgres';
import { BusinessRejection } from '@convergekit/core';
import {
  type CallContext,
  defineEffect,
  type Effect,
  EFFECT_STAYS,
  type Found,
  type SettledContext,
} from '@convergekit/effects';
import { SagaError } from '../errors.ts';
import { sweepRecords } from '../retention/sweep-records.ts';
import { lockFence } from '../fence/fence-sql.ts';
import { meetLocked } from '../fence/meet-fence.ts';
import { resolvedBy, type WorkOp } from '@convergekit/effects/engine';
import type { StepInput } from './ask-for-call.ts';
import { covered, lateApply, lateUndo, stuckApply, stuckUndo } from './effect-hooks.ts';
import { effectName, effectOpsOf } from './effect-name.ts';
import { factOf, type Member } from './member.ts';
import { membersOf } from './part.ts';
import { settleFact, type SettledApply, settleFailure } from './settle-apply.ts';
import { reviveEvent, type StoredFact } from './stored-event.ts';
import { timerEffect } from './timer-effects.ts';
import { toolsOf } from './tools.ts';
import type { StepQuestion } from './types.ts';
import { letGo, tellNoop, tellUndone, undoing, undoNow, undoOf } from './undo.ts';

/** What the saga worker runs for the steps of these consumers: `sagaWorker(effectsOf(orders, payments), …)`. */
export function effectsOf<DB>(...consumers: readonly ConsumerDefinition<DB>[]): readonly Effect<DB>[] {
  return consumers
    .flatMap(({ parts }) => membersOf(parts))
    .flatMap((member) => {
      const { name, keepMs } = member.declaration;
      return effectsOfStep(member).map((effect) =>
        Object.freeze({ ...effect, saga: { name, keepMs, sweep: sweepRecords } }),
      );
    });
}

function effectsOfStep<DB>(member: Member<DB>): readonly Effect<DB>[] {
  return effectOpsOf(member).map((op) => effectOf(member, op));
}

function effectOf<DB>(member: Member<DB>, op: WorkOp): Effect<DB> {
  switch (op) {
    case 'apply':
      return applyEffect(member);
    case 'resolve':
      return resolveEffect(member);
    case 'compensate':
      return compensateEffect(member);
    case 'cancel':
    case 'deadline':
    case 'expire':
      return timerEffect(member, op, { input: stored.input, result: asStored<null>() });
  }
}

/** Of what the engine itself stores: it is as it was written. */
function asStored<T>(): StandardSchema<T, T> {
  return { '~standard': { version: 1, vendor: 'converge', validate: (value) => ({ value: value as T }) } };
}
const stored = { input: asStored<StepInput>(), result: asStored<StoredFact | null>() };

/** The call of an external step. */
function applyEffect<DB>(member: Member<DB>): Effect<DB> {
  const { step, handlers } = member;
  const { outside } = handlers;
  if (outside === undefined) throw new TypeError(`step ${step.name} is not external`);
  const { idempotency, policy, schedule, concurrency, settleMs = 0 } = outside;
  const declared = defineEffect({
    ...stored,
    name: effectName(step, 'apply'),
    idempotency,
    ...(policy === undefined ? {} : { policy }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(concurrency === undefined ? {} : { concurrency }),
    call: async (input: StepInput, context) =>
      factMade(member, await outside.apply(questionOf(member, input, context))),
    ...asking(member, outside.query, settleMs),
  });
  return Object.freeze({
    ...declared.settled<DB>(applied(member)),
    // Behind the pivot there is only forward.
    endless: step.kind === 'retriable',
    covered,
    stuck: stuckApply(member),
    late: lateApply(member),
  });
}

/**
 * What became of a local apply that failed in a way that nobody knows. Nothing is called: it is asked for; without a `query`
 * it waits for a person's word, and is no wiser for being tried again.
 */
function resolveEffect<DB>(member: Member<DB>): Effect<DB> {
  const { query, settleMs = 0 } = member.handlers.local ?? {};
  const denied = new BusinessRejection('it has not taken effect', { code: 'NOT_APPLIED' });
  const nobody = new SagaError(
    'OUTCOME_UNKNOWN',
    `step ${member.step.name} has no query: a person must say it`,
    {
      category: 'data',
      certainty: 'unknown',
    },
  );
  const declared = defineEffect({
    ...stored,
    name: effectName(member.step, 'resolve'),
    idempotency: query === undefined ? 'none' : 'idempotent',
    call: () => Promise.reject(query === undefined ? nobody : denied),
    ...asking(member, query, settleMs),
  });
  const hooks = { stuck: stuckApply(member), late: lateApply(member) };
  return Object.freeze({ ...declared.settled<DB>(applied(member)), ...hooks });
}

type Query = (question: StepQuestion<never>) => Promise<DomainEvent | undefined>;

function asking<DB>(member: Member<DB>, query: Query | undefined, settleMs: number) {
  if (query === undefined) return {};
  return {
    settleMs,
    query: async (input: StepInput, context: CallContext): Promise<Found<StoredFact | null>> => {
      const made = await query(questionOf(member, input, context));
      return made === undefined ? { kind: 'not_found' } : { kind: 'applied', result: factMade(member, made) };
    },
  };
}

function applied<DB>(member: Member<DB>) {
  return {
    succeeded: (fact: StoredFact | null, context: SettledContext<DB, StepInput>): Promise<void> => {
      if (fact === null) throw new TypeError(`the outcome of ${member.step.name} is empty`);
      return settleFact(member, settledOf(context), fact, toolsOf(context));
    },
    failed: (failure: Parameters<typeof settleFailure>[2], context: SettledContext<DB, StepInput>) =>
      settleFailure(member, settledOf(context), failure, context.attempts, toolsOf(context)),
  };
}

/** The undo: an external step's call, and of a local one what failed in its slice. It is never given up. */
function compensateEffect<DB>(member: Member<DB>): Effect<DB> {
  const { step, handlers } = member;
  const { undoOutside } = handlers;
  const declared = defineEffect({
    ...stored,
    name: effectName(step, 'compensate'),
    idempotency: 'keyed',
    call: async (input: StepInput, context) => {
      if (undoOutside === undefined || input.cause === undefined) return null;
      const { events, result } = input;
      const row = {
        intent: JSON.stringify(events),
        result: result === undefined ? null : JSON.stringify(result),
      };
      const undo = undoOf(member, input.instance, input.cause, row);
      return factMade(member, await undoOutside({ ...undo, ...context }), true);
    },
  });
  const settled = declared.settled<DB>({
    succeeded: (fact, context) => undone(member, fact, context),
    failed: (failure, context) => keptEffect(member, failure, context),
  });
  return Object.freeze({ ...settled, endless: true, stuck: stuckUndo(member), late: lateUndo(member) });
}

/** An undo does not fail; a person may let go of the effect, which stays, and the step before goes on. */
async function keptEffect<DB>(
  member: Member<DB>,
  { code, message }: Parameters<typeof settleFailure>[2],
  context: SettledContext<DB, StepInput>,
): Promise<void> {
  if (code !== EFFECT_STAYS || context.input.cause === undefined)
    throw new TypeError(`the undo of ${member.step.name} cannot fail: ${message}`);
  const { instance, cause } = context.input;
  await letGo(member, instance, { ...cause, ...resolvedBy(context.attempts) }, toolsOf(context));
}

async function undone<DB>(
  member: Member<DB>,
  fact: StoredFact | null,
  context: SettledContext<DB, StepInput>,
): Promise<void> {
  const { cause: why, instance } = context.input;
  if (why === undefined) throw new TypeError(`the undo of ${member.step.name} has no cause`);
  const cause = { ...why, ...resolvedBy(context.attempts) };
  const tools = toolsOf(context);
  const { undone: definition } = member.step;
  if (fact !== null && definition !== undefined) {
    const made = definition(definition.parse(fact.payload, fact.version) as never);
    return tellUndone(member, instance, cause, made, tools);
  }
  // What is left of an undo that failed in its slice.
  const executor = executorOf(tools.tx);
  const row = await lockFence(executor, context.input);
  if (row === undefined) return;
  if (row.state === 'undo_pending') return undoNow(member, instance, cause, row, tools);
  const { act } = await meetLocked(executor, undoing(member, instance, cause, 'undone'), row);
  if (act === 'emit_undone') await tellNoop(member, instance, cause, row, tools);
}

function settledOf<DB>({ input, attempts }: SettledContext<DB, StepInput>): SettledApply {
  const { instance, events = [], resolves } = input;
  return { instance, events, resolves, ...resolvedBy(attempts) };
}

function questionOf<DB>(
  { step }: Member<DB>,
  { events = [], instance }: StepInput,
  context: CallContext,
): StepQuestion<never> {
  const begins = events.map((one) => reviveEvent(one, step.begins));
  // Erased types: parsed by the step's own definitions.
  return { ...context, event: begins[0], begins, instance } as unknown as StepQuestion<never>;
}

/** What is kept of a fact. One that the declaration does not know belongs to a call that took effect. */
function factMade<DB>(member: Member<DB>, made: DomainEvent, undo = false): StoredFact {
  try {
    factOf(member, made, undo);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new SagaError('FACT_UNDECLARED', message, { category: 'bug', certainty: 'applied', cause });
  }
  const { type, version, payload } = made;
  return { type, version, payload };
}
