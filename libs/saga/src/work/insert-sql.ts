import { sql, type Transaction } from 'kysely';
import type { JournalOp } from '../fence/fence-sql.ts';
import type { StepKey } from '../step/story.ts';
import type { ClaimedWork, Outcome, StuckReason, WorkState } from './work.ts';

export type NewWork = Pick<
  ClaimedWork,
  'id' | 'consumer' | 'handler' | 'effect' | 'key' | 'idempotencyKey' | 'input' | 'cause'
>;

/** `expire`: a step's own deadline; the others as in the journal. */
export type WorkOp = JournalOp | 'expire';

/** Work of a saga's step. */
export interface StepWork extends NewWork, Pick<StepKey, 'saga' | 'instance' | 'step'> {
  readonly op: WorkOp;
  /** There is nothing to call: the outcome is known, and only what follows from it is left to do. */
  readonly outcome?: Outcome;
  /** A call was made and nobody knows what became of it; "not found" is final so many milliseconds from now. */
  readonly unknownForMs?: number;
  /** Only a person can say what became of it. */
  readonly stuck?: StuckReason;
  /** Milliseconds until it is due, by the database's clock. @default 0 */
  readonly dueMs?: number;
}

/**
 * Through the handler's own `tx`, whose guard refuses it once the handler has ended: an intent outside the slice's
 * transaction would be one that no event asked for. A replayed handler finds its row and leaves it as it is. Locks
 * nothing but the new row; one index entry.
 */
export async function insertWork<DB>(tx: Transaction<DB>, work: NewWork): Promise<void> {
  const { id, consumer, handler, effect, key, idempotencyKey, input, cause } = work;
  await sql`
    insert into converge.saga_work (id, consumer, handler, effect, key, idempotency_key, input, cause)
    values (${id}, ${consumer}, ${handler}, ${effect}, ${key}, ${idempotencyKey}, ${input}, ${JSON.stringify(cause)})
    on conflict (id) do nothing`.execute(tx);
}

/** The same for work of a saga's step, whose id is a function of step and op. False: it is there already. */
export async function insertStepWork<DB>(tx: Transaction<DB>, work: StepWork): Promise<boolean> {
  const { id, consumer, handler, effect, key, idempotencyKey, input, cause } = work;
  const { saga, instance, step, op, outcome, unknownForMs, stuck, dueMs = 0 } = work;
  const state = stateOf(work);
  const { numAffectedRows = 0n } = await sql`
    insert into converge.saga_work
      (id, consumer, handler, effect, key, idempotency_key, input, cause, saga, instance, step, op, state, outcome, due_at,
       final_at, stuck_reason)
    values (${id}, ${consumer}, ${handler}, ${effect}, ${key}, ${idempotencyKey}, ${input}, ${JSON.stringify(cause)},
      ${saga}, ${instance}, ${step}, ${op}, ${state}, ${outcome === undefined ? null : JSON.stringify(outcome)},
      clock_timestamp() + ${dueMs}::float8 * interval '1 millisecond',
      case when ${state} = 'unknown'
        then clock_timestamp() + ${unknownForMs ?? 0}::float8 * interval '1 millisecond' end, ${stuck ?? null})
    on conflict (id) do nothing`.execute(tx);
  return numAffectedRows === 1n;
}

function stateOf({ outcome, unknownForMs, stuck }: StepWork): WorkState {
  if (stuck !== undefined) return 'stuck';
  if (outcome !== undefined) return 'answered';
  return unknownForMs === undefined ? 'ready' : 'unknown';
}
