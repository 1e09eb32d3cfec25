import { failpoint } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import type { StepKey } from '../calls/work/step-key.ts';
import type { Reason } from './decision-sql.ts';
import type { FenceState } from './fence.ts';

/** A fence row, locked. */
export interface FenceRow {
  readonly version: number;
  readonly consumer: string;
  readonly key: string;
  readonly state: FenceState;
  /** The number of the last row of the journal. */
  readonly seq: number;
  /** True when the last entry of the journal says the state. Not of a journal that was removed, nor of a state that a person set. */
  readonly said: boolean;
  /** True when the step waits for an operator. */
  readonly stuck: boolean;
  readonly intent: string | null;
  readonly result: string | null;
  /** The cause of the step's undo, as JSON. */
  readonly undo: string | null;
  readonly reason: Reason | undefined;
}

/** The columns of a fence row, of a table named `fence`. */
const fenceRowSql = `fence.version, fence.consumer, fence.key, fence.state, fence.seq,
    coalesce(strpos(fence.journal[cardinality(fence.journal)], '"to":"' || fence.state || '"') > 0, false) as said,
    fence.stuck_since is not null as stuck, fence.intent, fence.result, fence.undo, fence.reason_code, fence.reason`;

const lockSql = `
  select ${fenceRowSql} from converge.saga_fence fence
   where saga = $1 and instance = $2 and step = $3 for update`;

/** Locks the fence of a step's work in the statement that closes the work: see `WorkerCall.lockSql`. */
export const lockOfWorkSql = `
    select ${fenceRowSql} from closed
      join converge.saga_fence fence
        on fence.saga = closed.saga and fence.instance = closed.instance and fence.step = closed.step
     for update of fence`;

/** A fence row as the database gives it. */
export interface RawFence extends Omit<FenceRow, 'reason'> {
  readonly reason_code: string | null;
  readonly reason: string | null;
}

/** Locks the row by the primary key until the end of the transaction. */
export async function lockFence(
  tx: Executor,
  { saga, instance, step }: Omit<StepKey, 'version'>,
): Promise<FenceRow | undefined> {
  const [row] = (await tx.query<RawFence>(lockSql, [saga, instance, step])).rows;
  failpoint('saga.after_lock_fence');
  return row && fenceRowOf(row);
}

export function fenceRowOf({ reason_code: code, reason: text, ...rest }: RawFence): FenceRow {
  return { ...rest, reason: code === null ? undefined : { code, text: text ?? '' } };
}
