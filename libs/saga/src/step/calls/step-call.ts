import type { DomainEvent } from '@convergekit/contracts';
import type { WorkerCall, Reactions, Revived } from '../../calls/work/worker-call.ts';
import { type BoundCall, type PlannedCall, usageOf } from '../../calls/declare/bind-call.ts';
import { SagaError } from '../../errors.ts';
import { type StepInput, workId } from './request-work.ts';
import { stuckHooks } from './stuck.ts';
import { callName, type Member } from '../member.ts';
import { begunOf, factMade, storedFact, wrapped } from '../facts.ts';
import type { StoredFact } from '../stored-event.ts';
import { type StepUndo, undoneEvent, undoOf } from '../undo-events.ts';

/** The call of a step. */
export function applyCall<DB>(
  member: Member<DB>,
  outcomes: Reactions<DB, StepInput, StoredFact | null>,
): WorkerCall<DB> {
  const { step } = member;
  const call = callOf(member);
  return Object.freeze({
    ...usageOf(call),
    plan: planNothing,
    revive: ({ input: text }: { readonly input: string }): Revived<DB> => {
      const input = JSON.parse(text) as StepInput;
      const handle = call.handleOf(plannedCall(member, call, input));
      const fact = (result: string): string => JSON.stringify(factOfResult(member, call, input, result));
      return {
        call: async (guards, permit) => fact(await handle.call(guards, permit)),
        query: async (guards, permit) => {
          const found = await handle.query(guards, permit);
          return found.kind === 'applied' ? { kind: 'applied', result: fact(found.result) } : found;
        },
        succeeded: async (result, context) =>
          await outcomes.succeeded(JSON.parse(result) as StoredFact, { ...context, input }),
        failed: async (failure, context) => await outcomes.failed(failure, { ...context, input }),
      };
    },
    grouped: member.handlers.calling?.record === undefined,
    // A step after the pivot only goes forward.
    endless: step.kind === 'retriable',
    ...stuckHooks(member, 'apply'),
  });
}

/** The call of a step under the names of its two uses. */
function callOf<DB>({ step, handlers: { calling } }: Member<DB>): BoundCall {
  if (calling === undefined) throw new TypeError(`step ${step.name} is no call`);
  return calling.call.bind(callName(step, 'apply'), callName(step, 'compensate'));
}

/** Plans the step's call. Each attempt reads the events: an unreadable event fails the attempt, not the step. */
function plannedCall<DB>(member: Member<DB>, call: BoundCall, input: StepInput): PlannedCall {
  const { saga, instance, step } = input;
  const read = (): never => call.inputOf(call.plan(member.handlers.calling?.input(begunOf(member, input))));
  return { input: read, key: () => call.keyOf(read()) ?? workId({ saga, instance, step }, 'apply') };
}

/** Returns the fact that a result means. An error here belongs to a call that took effect. */
function factOfResult<DB>(
  member: Member<DB>,
  call: BoundCall,
  input: StepInput,
  callResult: string,
): StoredFact {
  const { calling } = member.handlers;
  const made = (): DomainEvent | undefined =>
    // Erased types: the result was checked by the call's own schema.
    calling?.outcome(call.resultOf(callResult), begunOf(member, input));
  return { ...factMade(member, made), callResult };
}

/** Work of a step has its intent written by the step itself. */
function planNothing(): never {
  throw new TypeError('the work of a step is requested by its saga');
}

/**
 * The undo of a step's call, in the place of the one that calls nothing. It is repeated under its own key, unless
 * the call must not be repeated: then the undo must not be, either.
 */
export function undoCall<DB>(
  member: Member<DB>,
  recording: WorkerCall<DB>,
): Omit<WorkerCall<DB>, 'name' | 'concurrency' | 'schedule' | 'plan'> {
  const call = callOf(member);
  const { idempotency, quota, settleMs } = call;
  return {
    call: call.call,
    quota,
    idempotency,
    canQuery: idempotency === 'none' && call.canQuery,
    settleMs,
    isUndo: true,
    policyIn: (shared) => call.fixedPolicy ?? recording.policyIn(shared),
    revive: (kept) => {
      const input = JSON.parse(kept.input) as StepInput;
      const { cause, result, instance } = input;
      const revived = recording.revive(kept);
      if (cause === undefined) return revived;
      const fact = (): string => JSON.stringify(factUndone({ member, instance, cause }, input));
      const undo = call.undoing({
        ...plannedCall(member, call, input),
        result: result?.callResult,
        reason: { code: cause.reason.code, message: cause.reason.text },
        undoKey: kept.idempotencyKey,
      });
      return {
        ...revived,
        call: async (guards, permit) => {
          if ((await undo.call(guards, permit)) === 'irreversible') throw irreversible(member);
          return fact();
        },
        query: async (guards, permit) => {
          const found = await undo.query(guards, permit);
          return found.kind === 'applied' ? { kind: 'applied', result: fact() } : found;
        },
      };
    },
  };
}

/** The undone event, once the undo has taken effect. */
function factUndone<DB>(of: StepUndo<DB>, { events, result }: StepInput): StoredFact {
  const row = {
    intent: JSON.stringify(events),
    result: result === undefined ? null : JSON.stringify(result),
  };
  const { undone } = of.member.handlers;
  return storedFact(wrapped(() => undoneEvent(of, undone?.(undoOf(of, row)))));
}

function irreversible<DB>({ step }: Member<DB>): SagaError {
  return new SagaError(
    'UNDO_IRREVERSIBLE',
    `the undo of ${step.name} answered that its effect cannot be undone: undo it by hand, then \`converge saga resolve\``,
    { category: 'business' },
  );
}
