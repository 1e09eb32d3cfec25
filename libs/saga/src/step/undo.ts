import type { DomainEvent } from '@converge/contracts';
import { supersedeParked } from '@converge/inbox';
import { executorOf } from '@converge/postgres';
import type { Transaction } from 'kysely';
import { joinMember } from '../fence/join-sql.ts';
import type { FenceState } from '../fence/fence.ts';
import { type FenceRow, lockFence } from '../fence/fence-sql.ts';
import { meetFence, type Meeting } from '../fence/meet-fence.ts';
import type { Trigger } from '../declare/triggers.ts';
import { nudgeWork } from '../work/nudge-sql.ts';
import { askForUndo } from './ask-for-call.ts';
import { factOf, keyOf, type Member } from './member.ts';
import { reviveEvent, type StoredEvent, type StoredFact } from './stored-event.ts';
import { factId, formatStory } from './story.ts';
import type { StepTools } from './tools.ts';
import type { UndoCause } from './undo-cause.ts';
import type { Noop, Undo } from './types.ts';

/** What a fence knows of an effect. */
export type Begun = Pick<FenceRow, 'intent' | 'result'>;

/**
 * Something that asks for a step to be undone. What the fence says happens in the same transaction: a local step is undone,
 * an external one's undo is asked for; one that has no effect says so, and one that has not begun never will.
 */
export async function undo<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  tools: StepTools<DB>,
): Promise<void> {
  const met = await meetFence(tools.tx, undoing(member, instance, cause, 'undo'));
  switch (met.act) {
    case 'undo':
      return undoNow(member, instance, cause, met.row, tools);
    case 'emit_undone':
      if (met.from === 'absent') await superseded(member, instance, tools);
      return tellNoop(member, instance, cause, met.row, tools);
    case 'wait':
      // The outcome decides: whoever may know it is asked now.
      return nudgeWork(executorOf(tools.tx), keyOf(member, instance));
    default:
      return;
  }
}

const NOTHING_LEFT: readonly FenceState[] = ['rejected', 'failed_not_applied', 'tombstoned', 'undone'];

/**
 * Whether what was told is a reason to undo now. Behind the step may stand a group: then every member must have failed without
 * effect or be undone, so that nothing is undone under what still stands. Of a sibling that was undone it need not hear when
 * it has no effect, since it has said so before.
 */
export async function isDue<DB>(
  { declaration, step }: Member<DB>,
  instance: string,
  { fact, of }: Pick<Trigger, 'fact' | 'of'>,
  eventId: string,
  tx: Transaction<DB>,
): Promise<boolean> {
  const key = { saga: step.saga, instance, step: step.name };
  if (fact === 'undone' && of?.stage === step.stage) {
    const row = await lockFence(executorOf(tx), key);
    return row === undefined || !NOTHING_LEFT.includes(row.state);
  }
  const behind = declaration.stages[step.stage + 1]?.steps ?? [];
  if (behind.length < 2 || of?.stage !== step.stage + 1) return true;
  const gone = await joinMember(executorOf(tx), key, 'undo', of.name, eventId);
  return behind.every(({ name }) => gone.has(name));
}

export function undoing<DB>(
  { step, ...member }: Member<DB>,
  instance: string,
  cause: UndoCause,
  trigger: Meeting['trigger'],
): Meeting {
  const { event, reason, attemptId, actor, note } = cause;
  return {
    ...keyOf({ ...member, step }, instance),
    consumer: step.by,
    key: event.key,
    op: 'compensate',
    trigger,
    causeEvent: event.id,
    causeAttempt: attemptId,
    reason,
    actor,
    note,
    undo: JSON.stringify(cause),
  };
}

/** Undoes what took effect. `row`: of the fence, locked. */
export async function undoNow<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  row: Begun | undefined,
  tools: StepTools<DB>,
): Promise<void> {
  const { undoLocal, undoOutside } = member.handlers;
  if (undoOutside !== undefined) return askForUndo(member, instance, cause, row, tools);
  if (undoLocal === undefined) {
    await tellUndone(member, instance, cause, noopEvent(member, instance, cause, row), tools);
    return;
  }
  const { emit, ...context } = tools;
  const made = await undoLocal(undoOf(member, instance, cause, row), {
    ...context,
    emit: (event) => emit(event),
  });
  await tellUndone(member, instance, cause, made, tools);
}

/** The undo has been done: the fence and the undone event say so. Only here, and only of a fence that waits for it. */
export async function tellUndone<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  made: DomainEvent,
  tools: StepTools<DB>,
): Promise<void> {
  factOf(member, made, true);
  const met = await meetFence(tools.tx, {
    ...undoing(member, instance, cause, 'undone'),
    outcome: made.type,
  });
  if (met.emits !== undefined) tools.emit(made, told(member, instance, cause));
}

/** A person lets go of the effect: it stays, and the step before hears that nothing more of it is to be undone. */
export async function letGo<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  row: Begun | undefined,
  tools: StepTools<DB>,
): Promise<void> {
  await tellUndone(member, instance, cause, noopEvent(member, instance, cause, row), tools);
}

/** Nothing is to be undone, and the step before must hear of that. */
export async function tellNoop<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  row: Begun | undefined,
  { emit }: Pick<StepTools<DB>, 'emit'>,
): Promise<void> {
  const made = noopEvent(member, instance, cause, row);
  factOf(member, made, true);
  emit(made, told(member, instance, cause));
  return Promise.resolve();
}

function told<DB>(member: Member<DB>, instance: string, { attemptId }: UndoCause) {
  const key = keyOf(member, instance);
  return {
    id: factId(key, 'undone'),
    saga: formatStory(key),
    ...(attemptId === undefined ? {} : { attemptId }),
  };
}

function noopEvent<DB>(
  member: Member<DB>,
  instance: string,
  { event, reason }: UndoCause,
  row: Begun | undefined,
): DomainEvent {
  const { noop } = member.handlers;
  if (noop === undefined) throw new TypeError(`step ${member.step.name} cannot be undone`);
  const { id, type, key, payload } = event;
  const cause: Noop<never>['cause'] = { id, type, data: JSON.parse(payload) };
  return noop({ key, instance, reason, intent: begunBy(member, row)[0], cause });
}

/** What a compensation is told. */
export function undoOf<DB>(
  member: Member<DB>,
  instance: string,
  { reason }: UndoCause,
  row: Begun | undefined,
): Undo<never, never> {
  const begins = begunBy(member, row);
  const [intent] = begins;
  if (intent === undefined) throw new TypeError(`step ${member.step.name} took effect without an intent`);
  const fact = row?.result == null ? undefined : (JSON.parse(row.result) as StoredFact);
  const result = fact === undefined ? undefined : member.step.success.parse(fact.payload, fact.version);
  // Erased types: these events were parsed by the step's own definitions.
  return { intent, begins, result, reason, instance } as unknown as Undo<never, never>;
}

function begunBy<DB>({ step }: Member<DB>, row: Begun | undefined) {
  const stored = row?.intent == null ? [] : (JSON.parse(row.intent) as readonly StoredEvent[]);
  return stored.map((one) => reviveEvent(one, step.begins));
}

/** The event that would have begun it may be parked here: its key must not wait for it. */
export async function superseded<DB>(
  { declaration, step }: Member<DB>,
  instance: string,
  { tx }: Pick<StepTools<DB>, 'tx'>,
): Promise<void> {
  const before = declaration.stages[step.stage - 1]?.steps;
  const ids =
    before === undefined
      ? [instance]
      : before.map(({ name, saga }) => factId({ saga, instance, step: name }, 'success'));
  const why = { by: 'saga', reason: `step ${step.name} of ${step.saga} was undone before it began` };
  for (const eventId of ids) await supersedeParked(executorOf(tx), { consumer: step.by, eventId }, why);
}
