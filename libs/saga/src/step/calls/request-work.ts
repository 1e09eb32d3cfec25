import type { ReceivedEvent } from '@convergekit/contracts';
import { deterministicUuid } from '@convergekit/core/engine';
import type { Transaction } from 'kysely';
import type { FenceRow } from '../../fence/fence-sql.ts';
import type { Outcome } from '../../calls/work/work.ts';
import { insertWork, type NewWork } from '../../calls/work/insert-sql.ts';
import type { StepKey, WorkOp } from '../../calls/work/step-key.ts';
import { causeOf } from '../../calls/declare/request-call.ts';
import { callName, keyOf, type StepRun } from '../member.ts';
import { type StoredEvent, type StoredFact, storeEvent } from '../stored-event.ts';
import { formatSagaRef } from '../saga-ref.ts';
import type { StepUndo, UndoCause } from '../undo-events.ts';

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
const NOTHING_TO_CALL: Outcome = { kind: 'succeeded', result: 'null' };

/** Returns the work of a call that begins. `events`: those of its fence, which the transaction inserts. */
export function callOf<DB>(run: StepRun<DB>, event: ReceivedEvent, events?: string): readonly NewWork[] {
  const applied = workOf(run, 'apply', storeEvent(event));
  const call = events === undefined ? applied : { ...applied, events };
  const dueMs = run.member.handlers.calling?.deadlineMs;
  return dueMs === undefined ? [call] : [call, timerOf(run, 'expire', storeEvent(event), dueMs)];
}

/** Requests the undo of a step that is a call. */
export async function requestUndo<DB>(
  of: StepUndo<DB>,
  row: Pick<FenceRow, 'intent' | 'result'> | undefined,
  tx: Transaction<DB>,
): Promise<void> {
  const stored = {
    ...(row?.intent == null ? {} : { events: JSON.parse(row.intent) as readonly StoredEvent[] }),
    ...(row?.result == null ? {} : { result: JSON.parse(row.result) as StoredFact }),
  };
  await insertWork(tx, undoWorkOf(of, stored));
}

/** Hands an undo that failed in its slice to the worker. False: the worker has tried it before. */
export function scheduleUndo<DB>(of: StepUndo<DB>, tx: Transaction<DB>, dueMs: number): Promise<boolean> {
  return insertWork(tx, { ...undoWorkOf(of), outcome: NOTHING_TO_CALL, dueMs });
}

/** Requests an operator's decision on the undo of a step whose data is gone. */
export async function requestOperator<DB>(of: StepUndo<DB>, tx: Transaction<DB>): Promise<void> {
  await insertWork(tx, { ...undoWorkOf(of), stuck: 'record_swept' });
}

function undoWorkOf<DB>(of: StepUndo<DB>, stored: Pick<StepInput, 'events' | 'result'> = {}): NewWork {
  const { cause } = of;
  return workOf(of, 'compensate', cause.event, { cause, ...stored }, cause);
}

/** Returns work that calls nothing: the worker records its outcome later. */
export function timerOf<DB>(run: StepRun<DB>, op: WorkOp, cause: StoredEvent, dueMs: number): NewWork {
  return { ...workOf(run, op, cause, { events: [cause] }), dueMs, outcome: NOTHING_TO_CALL };
}

/** The id of a step's work, and the default key of its call. */
export function workId({ saga, instance, step }: Omit<StepKey, 'version'>, op: WorkOp): string {
  return deterministicUuid('saga', saga, instance, step, op);
}

function workOf<DB>(
  run: StepRun<DB>,
  op: WorkOp,
  cause: StoredEvent,
  stored: Omit<StepInput, keyof StepKey> = {},
  { attemptId, attemptTrace }: Partial<Pick<UndoCause, 'attemptId' | 'attemptTrace'>> = {},
): NewWork {
  const key = keyOf(run);
  const { saga, instance, step } = key;
  const id = workId(key, op);
  return {
    id,
    saga,
    instance,
    step,
    op,
    consumer: run.member.step.by,
    handler: `${saga}.${step}`,
    call: callName(run.member.step, op),
    key: cause.key,
    idempotencyKey: id,
    input: JSON.stringify({ ...key, ...stored }),
    cause: { ...causeOf(cause), saga: formatSagaRef(key), attemptId, attemptTrace },
  };
}

/** Requests the outcome of a local apply that is unknown. False: an operator must say it, as the step has no `query`. */
export async function requestOutcome<DB>(
  run: StepRun<DB>,
  events: readonly StoredEvent[],
  resolves: string,
  tx: Transaction<DB>,
): Promise<boolean> {
  const { query, settleMs = 0 } = run.member.handlers.local ?? {};
  const [first] = events;
  if (first === undefined) throw new TypeError(`step ${run.member.step.name} failed at nothing`);
  const asked = query === undefined ? ({ stuck: 'outcome_unknown' } as const) : { unknownForMs: settleMs };
  await insertWork(tx, { ...workOf(run, 'resolve', first, { events, resolves }), ...asked });
  return query !== undefined;
}
