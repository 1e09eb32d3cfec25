import type { DomainEvent } from '@convergekit/contracts';
import { type StepUndoneData, stepUndoneEvent, type FailureData } from '@convergekit/contracts/engine';
import type { FenceRow } from '../fence/fence-sql.ts';
import { factOf, type Member, type StepRun } from './member.ts';
import { reviveEvent, type StoredEvent, type StoredFact } from './stored-event.ts';
import type { Undo } from './types.ts';
import { stored } from '../calls/work/decide.ts';
import type { Trigger } from '../declare/triggers.ts';
import type { Reason } from '../fence/decision-sql.ts';

/** The cause of an undo. */
export interface UndoCause {
  readonly event: StoredEvent;
  readonly reason: Reason;
  readonly attemptId: string | undefined;
  /** The `traceparent` of the attempt, or of what refused the step. */
  readonly attemptTrace?: string | undefined;
  /** The operator who undid the effect or accepted it. */
  readonly actor?: string;
  readonly note?: string;
}

/** A step of a run that is to be undone. */
export interface StepUndo<DB> extends StepRun<DB> {
  readonly cause: UndoCause;
}

/** The reason of an undo: the failure or undone event that made it necessary. */
export function reasonOf(
  { fact, of, type }: Pick<Trigger, 'fact' | 'of' | 'type'>,
  failure: FailureData | undefined,
): Reason {
  const who = of?.name ?? 'the saga';
  if (failure !== undefined) {
    const { code, certainty, message } = stored(failure);
    return { code, text: `${who} failed (${certainty}): ${message}` };
  }
  return fact === 'undone'
    ? { code: 'UNDONE', text: `${who} was undone: ${type}` }
    : { code: 'REJECTED', text: `${who} was refused: ${type}` };
}

/** The data of a fence about an effect. */
export type Begun = Pick<FenceRow, 'intent' | 'result'>;

/** The undone event of a step that has no effect. */
export function noopEvent<DB>(of: StepUndo<DB>, row: Begun | undefined): DomainEvent {
  const { member, instance, cause } = of;
  const { noop } = member.handlers;
  if (noop === undefined) return passedOn(of, 'none');
  const { event, reason } = cause;
  const [intent] = begunBy(member, row);
  const known = { key: event.key, instance, reason };
  // Erased types: the intent was parsed by the step's own definition.
  const made = noop(
    (intent === undefined
      ? { ...known, kind: 'never_began' }
      : { ...known, kind: 'no_effect', intent }) as never,
  );
  factOf(member, made, true);
  return made;
}

/** The event that an undo returned; the kit's own one where the step declares none. */
export function undoneEvent<DB>(of: StepUndo<DB>, made: DomainEvent | undefined): DomainEvent {
  const { member } = of;
  return member.step.undone === undefined ? passedOn(of, 'undone') : factOf(member, made, true).made;
}

/** The kit's own event, for want of one that the declaration has. */
export function passedOn<DB>(
  { member: { step }, instance, cause: { event, reason } }: StepUndo<DB>,
  effect: StepUndoneData['effect'],
): DomainEvent {
  const { saga: name, version, name: at, by } = step;
  const saga = { name, version, instance, step: at, op: 'compensate' } as const;
  return stepUndoneEvent(by)({ saga, key: event.key, effect, reason: reason.text });
}

/** The argument of a compensation. */
export function undoOf<DB>(
  { member, instance, cause: { reason } }: StepUndo<DB>,
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
