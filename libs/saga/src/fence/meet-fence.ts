import { type Executor, executorOf } from '@converge/postgres';
import type { Transaction } from 'kysely';
import { factId } from '../step/story.ts';
import { decideFence, type FenceAct, type FenceFrom } from './fence.ts';
import { type FenceChange, type FenceRow, lockFence, moveFence, openFence } from './fence-sql.ts';

/** What became of a trigger. */
export interface Met {
  readonly from: FenceFrom;
  readonly state: FenceFrom;
  readonly act: FenceAct;
  /** The row as it was before, locked; none when the trigger made it, or nothing has reached the step. */
  readonly row: FenceRow | undefined;
  /** The id of the event that tells it, if one does. */
  readonly emits: string | undefined;
}

/** A trigger, and the consumer and key by which people find the row. `failureId`: of the failure event that tells it. */
export type Meeting = FenceChange & {
  readonly consumer: string;
  readonly key: string;
  readonly failureId?: string;
};

/**
 * Has a trigger meet the fence of its step, in the caller's transaction: the row is inserted, or locked and then decided by
 * `decideFence`; what was decided is in the journal. In whichever order two triggers commit, the second one sees the first.
 */
export async function meetFence<DB>(tx: Transaction<DB>, meeting: Meeting): Promise<Met> {
  const executor = executorOf(tx);
  const first = decideFence('absent', meeting.trigger);
  if (first.state !== 'absent') {
    const emits = emitsOf(meeting, first.act);
    const decided = { from: 'absent', state: first.state, act: first.act, emitted: emits } as const;
    if (await openFence(executor, meeting, meeting, decided))
      return { from: 'absent', ...first, row: undefined, emits };
  }
  const row = await lockFence(executor, meeting);
  if (row === undefined) return { from: 'absent', ...first, row, emits: undefined };
  return meetLocked(executor, meeting, row);
}

/** The same for a row that the caller has locked. */
export async function meetLocked(executor: Executor, meeting: Meeting, row: FenceRow): Promise<Met> {
  const { state, act } = decideFence(row.state, meeting.trigger);
  const emits = emitsOf(meeting, act);
  if (act !== 'noop_already' && state !== 'absent')
    await moveFence(executor, meeting, { from: row.state, state, act, emitted: emits });
  return { from: row.state, state, act, row, emits };
}

function emitsOf(meeting: Meeting, act: FenceAct): string | undefined {
  switch (act) {
    case 'emit_success':
      return factId(meeting, 'success');
    case 'emit_failure':
      return meeting.failureId ?? factId(meeting, 'failure');
    case 'emit_undone':
      return factId(meeting, 'undone');
    case 'run':
    case 'undo':
    case 'wait':
    case 'noop_already':
    case 'rejected_by_tombstone':
    case 'cancel_refused':
      return undefined;
  }
}
