import { logger } from '@convergekit/telemetry';
import { sql, type Transaction } from 'kysely';
import { announceWork } from './announce.ts';
import type { StepKey, WorkOp } from './step-key.ts';
import type { ClaimedWork, Outcome, StuckReason, WorkState } from './work.ts';
import { WORKER_GONE_MS, workerMissing } from './worker-sql.ts';

export type NewWork = Pick<
  ClaimedWork,
  'id' | 'consumer' | 'handler' | 'effect' | 'key' | 'idempotencyKey' | 'input' | 'cause'
>;

/** Work of a saga's step. */
export interface StepWork extends NewWork, Pick<StepKey, 'saga' | 'instance' | 'step'> {
  readonly op: WorkOp;
  /** The known outcome: there is nothing to call, and only the reactions remain. */
  readonly outcome?: Outcome;
  /** The time until "not found" is final for a made call of unknown outcome, in milliseconds. */
  readonly unknownForMs?: number;
  /** The reason why only an operator can decide the outcome. */
  readonly stuck?: StuckReason;
  /** The time until the row is due, in milliseconds, by the database's clock. @default 0 */
  readonly dueMs?: number;
  /** The states of the step's fence, which is locked, in which nothing is inserted. @default none, without a lock */
  readonly unlessStepIs?: readonly string[];
  /** The events in the fence, which the transaction inserts, too: a worker of this process may then begin at once. */
  readonly events?: string;
}

/**
 * Inserts work through the handler's own `tx`, whose guard refuses it once the handler has ended. An intent outside the
 * slice's transaction would have no event. A replayed handler finds its row and leaves it unchanged; work of a saga's step, whose
 * id is a function of step and op, is requested anew once it has left. The insert locks only the new row, and costs one index entry.
 * False: the work is open, or waits for an operator. Throws WORKER_MISSING when no worker has ever declared the effect here.
 */
export async function insertWork<DB>(
  tx: Transaction<DB>,
  work: NewWork & Partial<Omit<StepWork, keyof NewWork>>,
): Promise<boolean> {
  const { id, consumer, handler, effect, key, idempotencyKey, input, cause } = work;
  const { saga = null, instance = null, step = null, op = null } = work;
  const { outcome, unknownForMs, stuck, dueMs = 0, unlessStepIs } = work;
  const state = stateOf(work);
  const fence =
    unlessStepIs === undefined
      ? { locked: sql.raw(''), allows: sql.raw('') }
      : {
          locked: sql`fence as materialized (
      select state from converge.saga_fence
       where saga = ${saga} and instance = ${instance} and step = ${step} for update),`,
          allows: sql`where not exists (select from fence where state = any (${unlessStepIs}::text[]))`,
        };
  const { rows } = await sql<Inserted>`
    with worker as (select seen_at from converge.saga_worker where effect = ${effect}), ${fence.locked}
    made as (
      insert into converge.saga_work
        (id, consumer, handler, effect, key, idempotency_key, input, cause, saga, instance, step, op, state, outcome, due_at,
         waits_since, final_at, stuck_reason)
      select ${id}::uuid, ${consumer}::text, ${handler}::text, ${effect}::text, ${key}::text, ${idempotencyKey}::text,
        ${input}::text, ${JSON.stringify(cause)}::text, ${saga}::text, ${instance}::text, ${step}::text, ${op}::text,
        ${state}::text, ${outcome === undefined ? null : JSON.stringify(outcome)}::text, due, due,
        case when ${state}::text = 'unknown'
          then clock_timestamp() + ${unknownForMs ?? 0}::float8 * interval '1 millisecond' end, ${stuck ?? null}::text
        from worker, (select clock_timestamp() + ${dueMs}::float8 * interval '1 millisecond' as due) as times
        ${fence.allows}
      on conflict (id) do nothing
      returning 1)
    ${inserted}`.execute(tx);
  const isNew = made(rows, effect, key);
  if (isNew && stuck === undefined) await announceWork(tx, { id, effect, dueMs });
  return isNew;
}

interface Inserted {
  readonly made: boolean;
  /** The worker has not said for long that it is there. */
  readonly gone: boolean;
}

// No row: no worker has ever declared the effect.
const inserted = sql.raw(`select exists (select from made) as made,
  seen_at < clock_timestamp() - ${WORKER_GONE_MS} * interval '1 millisecond' as gone from worker`);

function made(rows: readonly Inserted[], effect: string, key: string): boolean {
  const [row] = rows;
  if (row === undefined) throw workerMissing(effect);
  if (row.gone) alertGone(effect, key);
  return row.made;
}

export function alertGone(effect: string, key: string): void {
  logger('saga').error(
    { alarm: 'worker_gone', effect, key },
    'work waits for a worker that has not been seen for ten minutes: start it again',
  );
}

function stateOf({ outcome, unknownForMs, stuck }: Partial<StepWork>): WorkState {
  if (stuck !== undefined) return 'stuck';
  if (outcome !== undefined) return 'answered';
  return unknownForMs === undefined ? 'ready' : 'unknown';
}
