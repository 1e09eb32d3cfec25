import type { DomainEvent } from '@convergekit/contracts';
import { type Executor, executorOf } from '@convergekit/postgres';
import type { StoredFailure, WorkAttempt } from '../calls/work/work.ts';
import type { FenceTrigger } from '../fence/fence.ts';
import type { FenceRow } from '../fence/fence-sql.ts';
import type { TriggerRequest, Transition } from '../fence/apply-trigger.ts';
import { applyInGroup, applyToStep, countCompensation } from './apply-to-step.ts';
import { scheduleUndo } from './calls/request-work.ts';
import { failureOf } from './failure-of.ts';
import { planOf, requestOf, type StepRun } from './member.ts';
import { reviveEvent, type StoredEvent, type StoredFact } from './stored-event.ts';
import { formatSagaRef } from './saga-ref.ts';
import type { StepTools } from './tools.ts';
import { emitNoop, undoNow } from './undo.ts';
import type { UndoCause } from './undo-events.ts';

/** An apply of which the outcome became known outside its slice. */
export interface KnownOutcome<DB> extends StepRun<DB> {
  readonly events: readonly StoredEvent[];
  /** The fence, locked. */
  readonly row: FenceRow | undefined;
  /** The failure event of unknown certainty that went out before. */
  readonly resolves?: string | undefined;
  /** The operator whose decision the outcome is. */
  readonly actor?: string | undefined;
  readonly note?: string | undefined;
}

/** Records a fact and emits it; a step that must already be undone is undone. */
export async function recordFact<DB>(
  known: KnownOutcome<DB>,
  fact: StoredFact,
  tools: StepTools<DB>,
): Promise<void> {
  const { name, success, failure } = known.member.step;
  const succeeded = fact.type === success.type;
  const definition = [success, failure].find((one) => one?.type === fact.type);
  // A misspelled type is not a failure: the effect to be undone may have happened.
  if (definition === undefined) throw new TypeError(`${fact.type} is no fact of step ${name}`);
  // A stored fact of an older version is emitted in the definition's current version.
  const made = definition(definition.parse(fact.payload, fact.version) as never);
  const request = {
    ...outcomeRequest(known, succeeded ? 'applied' : 'rejected'),
    outcome: fact.type,
    ...(succeeded
      ? { result: JSON.stringify(fact) }
      : { reason: { code: 'REJECTED', text: `${name} was refused: ${fact.type}` } }),
  };
  const transition = await applyOutcome(known, request, tools);
  if (transition.act === 'noop_already') return;
  await record(known, made, tools);
  if (transition.act === 'emit_success' || transition.act === 'emit_failure') {
    const saga = formatSagaRef(request);
    if (transition.emits !== undefined) tools.emit(made, { id: transition.emits, saga });
    return;
  }
  await undoKnown(known, transition, succeeded ? JSON.stringify(fact) : null, tools);
}

/** Records that a step certainly had no effect. Emits its failure event, or the undone event for a waiting undo. */
export async function recordFailure<DB>(
  known: KnownOutcome<DB>,
  failure: StoredFailure,
  attempts: readonly WorkAttempt[],
  tools: StepTools<DB>,
): Promise<void> {
  const request = {
    ...outcomeRequest(known, 'not_applied'),
    outcome: failure.code,
    reason: { code: failure.code, text: failure.message },
  };
  const transition = await applyOutcome(known, request, tools);
  if (transition.act === 'emit_failure' && transition.emits !== undefined) {
    const { events, resolves } = known;
    const event = failureOf(known, { events, failure, attempts, resolves });
    tools.emit(event, { id: transition.emits, saga: formatSagaRef(request) });
    return;
  }
  await undoKnown(known, transition, null, tools);
}

/** Applies an outcome to the fence. Outcomes that are recorded together have their decisions written together. */
async function applyOutcome<DB>(
  { member, row }: KnownOutcome<DB>,
  outcome: TriggerRequest,
  { tx, gathered, ended }: StepTools<DB>,
): Promise<Transition> {
  const request = { ...outcome, ended };
  return gathered === undefined || row === undefined
    ? applyToStep(member, tx, request, row)
    : countCompensation(tx, request, applyInGroup(member, gathered, request, row));
}

/** Runs an undo that waited for the outcome. */
async function undoKnown<DB>(
  { member, instance }: KnownOutcome<DB>,
  { act, row }: Transition,
  result: string | null,
  recording: StepTools<DB>,
): Promise<void> {
  if (row?.undo == null) return;
  // The undo finds the outcome at its fence.
  await recording.gathered?.send();
  const tools = { ...recording, ended: undefined };
  const of = { member, instance, cause: JSON.parse(row.undo) as UndoCause };
  const known = { ...row, result: result ?? row.result };
  // A local undo becomes separate work: its failure would roll the outcome back.
  if (act === 'undo' && member.handlers.undone === undefined) await scheduleUndo(of, tools.tx, 0);
  else if (act === 'undo') await undoNow(of, known, tools);
  if (act === 'emit_undone') await emitNoop(of, known, tools);
}

function outcomeRequest<DB>(known: KnownOutcome<DB>, trigger: FenceTrigger): TriggerRequest {
  const { member, events, row, resolves, actor, note } = known;
  const op = resolves === undefined && actor === undefined ? 'apply' : 'resolve';
  const request = requestOf(known, events[0], op, trigger);
  return {
    ...request,
    ...(row?.intent == null ? { intent: JSON.stringify(events) } : {}),
    ...(row === undefined ? { plan: planOf(member) } : {}),
    causeEvent: resolves ?? request.causeEvent,
    actor,
    note,
  };
}

async function record<DB>(
  { member: { step, handlers }, instance, events: [event], actor }: KnownOutcome<DB>,
  outcome: DomainEvent,
  { emit, ...context }: StepTools<DB>,
): Promise<void> {
  const write = handlers.calling?.record;
  if (write === undefined || event === undefined) return;
  const made: DomainEvent[] = [];
  // Erased types: the event was parsed by the step's own definition.
  const run = async (): Promise<void> =>
    write(
      { event: reviveEvent(event, step.begins), outcome, instance },
      {
        ...context,
        emit: (one) => void made.push(one),
      },
    );
  if (actor === undefined) await run();
  else if (!(await inSavepoint(executorOf(context.tx), run))) {
    const of = { saga: step.saga, instance, step: step.name, actor };
    context.log.error({ alarm: 'record_left_out', ...of }, RECORD_LEFT_OUT);
    return;
  }
  for (const one of made) emit(one);
}

const RECORD_LEFT_OUT =
  'an operator resolved a step whose `record` fails: the saga goes on, and the rows that it would have written are missing';

/** Runs something whose failure must not cost the transaction. False: it failed, and left nothing. */
async function inSavepoint(executor: Executor, run: () => Promise<void>): Promise<boolean> {
  await executor.query('savepoint record');
  try {
    await run();
    await executor.query('release savepoint record');
    return true;
  } catch {
    await executor.query('rollback to savepoint record');
    return false;
  }
}
