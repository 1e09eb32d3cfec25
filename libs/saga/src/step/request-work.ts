import type { ReceivedEvent } from '@convergekit/contracts';
import { eventContextOf } from '@convergekit/inbox/engine';
import { deterministicUuid } from '@convergekit/core/engine';
import type { Transaction } from 'kysely';
import type { FenceRow } from '../fence/fence-sql.ts';
import type { Cause, Outcome } from '../effects/work/work.ts';
import { insertWork, type StepWork } from '../effects/work/insert-sql.ts';
import type { StepKey, WorkOp } from '../effects/work/step-key.ts';
import { traceOf } from '../effects/effect/effect.ts';
import { effectName } from './effect-name.ts';
import { keyOf, type Member } from './member.ts';
import { type StoredEvent, type StoredFact, storeEvent } from './stored-event.ts';
import { formatSagaRef } from './saga-ref.ts';
import type { StepTools } from './tools.ts';
import type { UndoCause } from './undo-cause.ts';

/** The intent of a step's work: what the worker reads again, in whatever process. */
export interface StepInput extends StepKey {
  /** The events that the step begins with. */
  readonly events?: readonly StoredEvent[];
  /** The success event of the step, for undos. */
  readonly result?: StoredFact;
  readonly cause?: UndoCause;
  /** The emitted failure event of unknown certainty that a resolve answers. */
  readonly resolves?: string;
}

/** The outcome of work that calls nothing: its recording does the rest. */
export const NOTHING_TO_CALL: Outcome = { kind: 'succeeded', result: 'null' };

/**
 * Returns the work of an external step that begins: its call, and the end of its time. Its fence has the events. `events`:
 * those, where the transaction inserts the fence.
 */
export function callOf<DB>(
  member: Member<DB>,
  instance: string,
  event: ReceivedEvent,
  events?: string,
): readonly StepWork[] {
  const key = keyOf(member, instance);
  const applied = workOf(member, 'apply', key, storeEvent(event));
  const call = events === undefined ? applied : { ...applied, events };
  const dueMs = member.handlers.external?.deadlineMs;
  if (dueMs === undefined) return [call];
  return [call, timerOf(member, 'expire', key, storeEvent(event), { dueMs })];
}

/** Requests the undo of an external step. */
export async function requestUndo<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  row: Pick<FenceRow, 'intent' | 'result'> | undefined,
  { tx }: Pick<StepTools<DB>, 'tx'>,
): Promise<void> {
  const stored = {
    ...(row?.intent == null ? {} : { events: JSON.parse(row.intent) as readonly StoredEvent[] }),
    ...(row?.result == null ? {} : { result: JSON.parse(row.result) as StoredFact }),
  };
  await insertWork(tx, undoWorkOf(member, instance, cause, stored));
}

/**
 * Hands an undo that failed in its slice to the worker, which retries it as long as needed. False: the worker has tried
 * it before.
 */
export async function scheduleUndo<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  tx: Transaction<DB>,
  dueMs: number,
): Promise<boolean> {
  const work = undoWorkOf(member, instance, cause);
  return insertWork(tx, { ...work, outcome: NOTHING_TO_CALL, dueMs });
}

/** Requests an operator's decision on the undo of a step whose data is gone. */
export async function requestOperator<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  tx: Transaction<DB>,
): Promise<void> {
  const work = undoWorkOf(member, instance, cause);
  await insertWork(tx, { ...work, stuck: 'record_swept' });
}

function undoWorkOf<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  stored: Pick<StepInput, 'events' | 'result'> = {},
): StepWork {
  const input = { ...keyOf(member, instance), cause, ...stored };
  return workOf(member, 'compensate', input, cause.event, cause);
}

/** Returns work that calls nothing: the worker records its outcome later. */
export function timerOf<DB>(
  member: Member<DB>,
  op: WorkOp,
  input: StepInput,
  cause: StoredEvent,
  when: Pick<StepWork, 'unlessStepIs'> & { readonly dueMs: number },
): StepWork {
  return { ...workOf(member, op, { ...input, events: [cause] }, cause), ...when, outcome: NOTHING_TO_CALL };
}

/** The id of a step's work, and the default key of its call. */
export function workId({ saga, instance, step }: Omit<StepKey, 'version'>, op: WorkOp): string {
  return deterministicUuid('saga', saga, instance, step, op);
}

function workOf<DB>(
  { step }: Member<DB>,
  op: WorkOp,
  input: StepInput,
  cause: StoredEvent,
  { attemptId, attemptTrace }: Partial<Pick<UndoCause, 'attemptId' | 'attemptTrace'>> = {},
): StepWork {
  const { saga, instance } = input;
  const id = workId({ saga, instance, step: step.name }, op);
  return {
    ...{ id, saga, instance, step: step.name, op },
    consumer: step.by,
    handler: `${saga}.${step.name}`,
    effect: effectName(step, op),
    key: cause.key,
    idempotencyKey: id,
    input: JSON.stringify(input),
    cause: {
      ...causeOf(cause),
      saga: formatSagaRef(input),
      ...(attemptId === undefined ? {} : { attemptId }),
      ...(attemptTrace === undefined ? {} : { attemptTrace }),
    },
  };
}

function causeOf({ deadline, ...event }: StoredEvent): Cause {
  const { correlationId, causationId, hops } = eventContextOf(event);
  return {
    ...{ eventId: causationId, correlationId, hops },
    ...(deadline === undefined ? {} : { deadline }),
    ...traceOf(),
  };
}

/**
 * Requests the outcome of a local apply that failed with an unknown one. False: the step has no `query`, so the row waits for a
 * person's word.
 */
export async function requestOutcome<DB>(
  member: Member<DB>,
  instance: string,
  events: readonly StoredEvent[],
  resolves: string,
  tx: Transaction<DB>,
): Promise<boolean> {
  const { query, settleMs = 0 } = member.handlers.local ?? {};
  const [first] = events;
  if (first === undefined) throw new TypeError(`step ${member.step.name} failed at nothing`);
  const work = workOf(member, 'resolve', { ...keyOf(member, instance), events, resolves }, first);
  const asked = query === undefined ? ({ stuck: 'outcome_unknown' } as const) : { unknownForMs: settleMs };
  await insertWork(tx, { ...work, ...asked });
  return query !== undefined;
}
