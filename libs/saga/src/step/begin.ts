import type { DomainEvent, ReceivedEvent } from '@convergekit/contracts';
import { WIRE } from '@convergekit/contracts/engine';
import type { CallContext } from '@convergekit/inbox/engine';
import { executorOf } from '@convergekit/postgres';
import { deterministicUuid } from '@convergekit/core/engine';
import type { Transaction } from 'kysely';
import { canBeUndone } from '../declare/declaration.ts';
import type { FenceFrom, FenceTrigger } from '../fence/fence.ts';
import { joinMember } from '../fence/join-sql.ts';
import type { Reason } from '../fence/decision-sql.ts';
import { begunFence, endedFence, type TriggerRequest, type Transition } from '../fence/apply-trigger.ts';
import { applyToStep, hasTimers } from './apply-to-step.ts';
import { openWorkOf } from '../operate/step-sql.ts';
import { insertWork } from '../calls/work/insert-sql.ts';
import { callOf } from './calls/request-work.ts';
import { gatherBegin, hasBegin } from './slice-writes.ts';
import { failureOf } from './failure-of.ts';
import { factOf, keyOf, type Member, planOf, requestOf, type StepRun } from './member.ts';
import { reviveEvent, type StoredEvent, storeEvent } from './stored-event.ts';
import { formatSagaRef } from './saga-ref.ts';
import type { UndoCause } from './undo-events.ts';

/** A step of a run that begins. */
export interface Beginning<DB> extends StepRun<DB> {
  /** The event that completes those that begin it. */
  readonly event: ReceivedEvent;
  /** All events that begin it, in declared order. */
  readonly stored: readonly StoredEvent[];
}

/**
 * Handles an event that begins a step, in the slice. A step after a group waits for all members; then the fence decides
 * whether the step may take effect. A local step takes effect here, and its fact is emitted in the same transaction; a
 * call is requested. Ordinarily the fences of a slice are written behind it, by one statement: see `FenceOrder`.
 */
export async function begin<DB>(
  { member, instance }: StepRun<DB>,
  event: ReceivedEvent,
  context: CallContext<DB>,
): Promise<void> {
  const stored = await awaited({ member, instance }, event, context.tx);
  if (stored === undefined) return;
  const of = { member, instance, event, stored };
  const { order } = member;
  if (!order.asksFirst && !hasBegin(context.gathered, of)) return beginNew(of, context);
  await context.gathered.send();
  const request = beginning(of);
  const transition = await applyToStep(member, context.tx, request);
  if (transition.from === 'absent') order.absent();
  else order.reached();
  if (transition.act === 'run') return run(of, context);
  if (transition.act === 'rejected_by_tombstone' && transition.row?.version !== member.step.version)
    return emitAgain(of, request, transition.row?.reason, context);
  if (mayRunAgain(member, transition.state) && !(await isWaiting(context.tx, request))) {
    const again = await applyToStep(member, context.tx, { ...request, trigger: 'again' });
    if (again.act === 'run') await run(of, context);
  }
}

/**
 * True for steps after the pivot, which only go forward: a given-up event that comes again is done. A local step is
 * `started` only within its transaction, or after an operator retried it.
 */
function mayRunAgain<DB>({ step, handlers }: Member<DB>, state: FenceFrom): boolean {
  return (
    (step.kind === 'retriable' && state === 'stuck') || (handlers.local !== undefined && state === 'started')
  );
}

/** True when the step's call waits for an operator, who alone decides its outcome. */
async function isWaiting<DB>(tx: Transaction<DB>, request: TriggerRequest): Promise<boolean> {
  const open = await openWorkOf(executorOf(tx), request);
  return open.some(({ op }) => op === 'apply');
}

/**
 * Emits a failure again under this version. While versions are deployed, the cancelling step may have known another
 * version than the first step's service began, and emitted the failure under that version. It is emitted under this
 * version when that version is known here.
 */
async function emitAgain<DB>(
  of: Beginning<DB>,
  request: TriggerRequest,
  reason: Reason | undefined,
  { tx, emit }: Pick<CallContext<DB>, 'tx' | 'emit'>,
): Promise<void> {
  const { code, text: message } = reason ?? { code: 'CANCELLED', text: 'it was cancelled' };
  const saga = formatSagaRef(request);
  const failureId = deterministicUuid('saga', saga, request.step, 'cancelled');
  const again = { ...request, trigger: 'emit_again', outcome: code, failureId } as const;
  const { emits } = await applyToStep(of.member, tx, again);
  const failure = { category: 'business', certainty: 'not_applied', code, message } as const;
  if (emits !== undefined) emit(failureOf(of, { events: of.stored, failure }), of.event, { id: emits, saga });
}

/** The request of an event that begins the step, or of its failure. */
export function beginning<DB>(of: Beginning<DB>, trigger: FenceTrigger = 'begin'): TriggerRequest {
  return {
    ...requestOf(of, of.event, 'apply', trigger),
    intent: JSON.stringify(of.stored),
    plan: planOf(of.member),
    causeTime: of.event.time,
  };
}

/** Returns all events that begin the step, in declared order; undefined until the last one is here. */
export async function awaited<DB>(
  of: StepRun<DB>,
  event: ReceivedEvent,
  tx: Transaction<DB>,
): Promise<readonly StoredEvent[] | undefined> {
  const { begins } = of.member.step;
  const own = storeEvent(event);
  if (begins.length === 1) return [own];
  const join = { waitsFor: 'begin', awaits: begins.map(({ type }) => type) } as const;
  const come = await joinMember(executorOf(tx), keyOf(of), join, event.type, JSON.stringify(own));
  const all = begins.flatMap(({ type }) => come.get(type) ?? []);
  return all.length < begins.length ? undefined : all.map((text) => JSON.parse(text) as StoredEvent);
}

async function run<DB>(of: Beginning<DB>, context: CallContext<DB>): Promise<void> {
  if (of.member.handlers.local === undefined) {
    for (const work of callOf(of, of.event)) await insertWork(context.tx, work);
    return;
  }
  const { made, request } = await takeEffect(of, context);
  emitFact(of, made, await applyToStep(of.member, context.tx, request), context);
}

/**
 * Begins a step that nothing has reached, as far as is known: its handler runs, or its call is requested, and the slice
 * writes its fence behind that. If something has reached it, the slice is rolled back and run again.
 */
async function beginNew<DB>(of: Beginning<DB>, context: CallContext<DB>): Promise<void> {
  const { gathered } = context;
  const { member, event } = of;
  if (member.handlers.local === undefined) {
    const request = beginning(of);
    return gatherBegin(gathered, member, begunFence(request), callOf(of, event, request.intent));
  }
  try {
    const { made, request } = await takeEffect(of, context);
    const fence = endedFence({ ...request, timed: hasTimers(member) });
    gatherBegin(gathered, member, fence);
    emitFact(of, made, { emits: fence.ended.emitted }, context);
  } catch (error) {
    member.order.reached();
    throw error;
  }
}

interface TakenEffect {
  readonly made: DomainEvent;
  readonly request: TriggerRequest & { readonly trigger: 'applied' | 'rejected' };
}

/** Calls the handler of a local step. Returns its fact, and what that says to the fence. */
async function takeEffect<DB>(of: Beginning<DB>, context: CallContext<DB>): Promise<TakenEffect> {
  const { member, instance, event, stored } = of;
  const begins = stored.map((one) => ({
    ...reviveEvent(one, member.step.begins),
    ...(one.id === event.id ? { headers: event.headers } : {}),
  }));
  const [intent] = begins;
  if (intent === undefined) throw new TypeError(`step ${member.step.name} begins with nothing`);
  const emit = (other: DomainEvent): void => context.emit(other, event);
  const given = await member.handlers.local?.apply(intent, { ...context, instance, begins, emit });
  const { fact, made } = factOf(member, given);
  const { type, version, payload } = made;
  const reason = { code: 'REJECTED', text: `${member.step.name} was refused: ${type}` };
  const request = { ...beginning(of), outcome: type };
  if (fact !== 'success') return { made, request: { ...request, trigger: 'rejected', reason } };
  // What only an undo reads is not kept of a step behind which there is no way back.
  const kept = canBeUndone(member.step)
    ? { result: JSON.stringify({ type, version, payload }) }
    : { intent: undefined };
  return { made, request: { ...request, trigger: 'applied', ...kept } };
}

function emitFact<DB>(
  of: Beginning<DB>,
  made: DomainEvent,
  { emits }: Pick<Transition, 'emits'>,
  { emit }: Pick<CallContext<DB>, 'emit'>,
): void {
  if (emits !== undefined) emit(made, of.event, { id: emits, saga: formatSagaRef(keyOf(of)) });
}

/** The attempt that caused an event. Without one named, the trace is that of the span that emitted the event. */
export function attemptOf(event: ReceivedEvent): Pick<UndoCause, 'attemptId' | 'attemptTrace'> {
  const { attemptId, attemptTrace, headers } = event;
  return {
    attemptId: attemptId ?? headers[WIRE.attemptId],
    attemptTrace: attemptTrace ?? headers[WIRE.attemptTrace] ?? headers[WIRE.traceparent],
  };
}
