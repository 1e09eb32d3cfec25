import type { Executor } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { type FenceRow, lockFence } from '../fence/fence-sql.ts';
import { namesSql } from '../calls/journal/runs-sql.ts';
import { insertRow } from '../calls/work/insert-sql.ts';
import type { Outcome, StuckReason, WorkState } from '../calls/work/work.ts';
import type { StepKey, WorkOp } from '../calls/work/step-key.ts';
import { actOnWork } from '../calls/operate/work-sql.ts';
import { callName } from '../step/member.ts';
import { workId } from '../step/calls/request-work.ts';
import type { StoredEvent } from '../step/stored-event.ts';
import { formatSagaRef } from '../step/saga-ref.ts';

/** A step as people name it; instances are unique among sagas. */
export interface StepAt {
  readonly instance: string;
  readonly step: string;
}

/** The locked row of a step, with its key. */
export type LockedStep = FenceRow & { readonly of: StepKey };

// The look-up is by the primary key, under each existing name of a saga.
const findSql = `
  select saga from converge.saga_fence
   where instance = $1 and step = $2 and saga = any (array(${namesSql('saga_fence')}))`;

export async function lockStep(tx: Executor, { instance, step }: StepAt): Promise<LockedStep | undefined> {
  const saga = (await tx.query<{ saga: string }>(findSql, [instance, step])).rows[0]?.saga;
  const row = saga === undefined ? undefined : await lockFence(tx, { saga, instance, step });
  if (row === undefined || saga === undefined) return undefined;
  return { ...row, of: { saga, version: row.version, instance, step } };
}

// The look-up is by the primary key, under each existing name of a saga.
const stepsSql = `
  select step from converge.saga_fence
   where instance = $1 and saga = any (array(${namesSql('saga_fence')})) order by created_at, step`;

/** The steps of a run that this database knows. */
export async function stepsHere(tx: Executor, instance: string): Promise<readonly string[]> {
  return (await tx.query<{ step: string }>(stepsSql, [instance])).rows.map(({ step }) => step);
}

/** Work of a step. */
export interface OpenWork {
  readonly id: string;
  readonly op: WorkOp;
  readonly state: WorkState;
  readonly stuckReason: StuckReason | null;
}

// The look-up uses saga_work_step. Timers end by themselves and are left out. Stuck work comes first.
const openSql = `
  select id, op, state, stuck_reason as "stuckReason" from converge.saga_work
   where saga = $1 and instance = $2 and step = $3 and op in ('apply', 'compensate', 'resolve')
   order by (state = 'stuck') desc, created_at desc`;

export async function openWorkOf(
  tx: Executor,
  { saga, instance, step }: StepKey,
): Promise<readonly OpenWork[]> {
  return (await tx.query<OpenWork>(openSql, [saga, instance, step])).rows;
}

// The look-up uses the key of steps: the events that began the step, and the failure event of unknown
// certainty.
const begunSql = `
  select distinct cause_event as id from converge.saga_step
   where saga = $1 and instance = $2 and step = $3 and op = 'apply'`;
const doubtSql = `
  select emitted_event as id from converge.saga_step
   where saga = $1 and instance = $2 and step = $3 and trigger = 'unknown' order by seq desc limit 1`;

export async function begunBy(tx: Executor, { saga, instance, step }: StepKey): Promise<readonly string[]> {
  return (await tx.query<{ id: string }>(begunSql, [saga, instance, step])).rows.map(({ id }) => id);
}

const dropSql = `
  delete from converge.saga_work
   where saga = $1 and instance = $2 and step = $3 and op = 'resolve' and state = 'stuck'`;

/** Removes a question that only an operator could answer: the step is retried, and may ask anew. */
export async function dropQuestion(tx: Executor, { saga, instance, step }: StepKey): Promise<void> {
  await tx.query(dropSql, [saga, instance, step]);
}

/** States the outcome of a step without work: as that of a question that only an operator can answer. */
export async function answerStep(
  tx: Executor,
  { of, consumer, key, intent }: LockedStep,
  outcome: Outcome,
  by: Operator,
): Promise<void> {
  const { saga, version, instance, step } = of;
  const events = intent === null ? [] : (JSON.parse(intent) as readonly StoredEvent[]);
  const resolves = (await tx.query<{ id: string | null }>(doubtSql, [saga, instance, step])).rows[0]?.id;
  const [event] = events;
  const id = workId(of, 'resolve');
  await insertRow(tx, {
    id,
    consumer,
    handler: `${saga}.${step}`,
    key,
    idempotencyKey: id,
    saga,
    instance,
    step,
    call: callName({ saga, version, name: step }, 'resolve'),
    op: 'resolve',
    input: JSON.stringify({ ...of, events, ...(resolves == null ? {} : { resolves }) }),
    cause: {
      eventId: event?.id ?? instance,
      correlationId: event?.correlationId ?? event?.id ?? instance,
      hops: (event?.hops ?? 0) + 1,
      saga: formatSagaRef(of),
    },
    stuck: 'outcome_unknown',
  });
  await actOnWork(tx, id, by, outcome);
}
