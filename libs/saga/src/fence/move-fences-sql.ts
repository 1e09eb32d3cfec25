import { failpoint } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { sendAhead } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { changeColumns, entrySql, fenceStatement, type FenceWrite } from './decision-sql.ts';

/** A decision about a locked row, and its entry. */
export type FenceMove = FenceWrite & { readonly entry: string };

// The rows are locked by us, and found by their primary keys. A step goes on waiting for an operator through what says
// nothing about its outcome.
const move = fenceStatement<FenceMove>(
  {
    ...changeColumns,
    trigger: ['text', ({ change }) => change.trigger],
    state_to: ['text', ({ decided }) => decided.state],
    undo: ['text', ({ change }) => change.undo],
    entry: ['text', ({ entry }) => entry],
    failed_calls: ['int', ({ change }) => change.ended?.failedCalls],
  },
  `
    update converge.saga_fence f set
      state = g.state_to, seq = f.seq + 1, journal = f.journal || (${entrySql('g.at', 'g.entry')}),
      intent = coalesce(g.intent, f.intent), result = coalesce(g.result, f.result), undo = coalesce(g.undo, f.undo),
      reason_code = coalesce(g.reason_code, f.reason_code), reason = coalesce(g.reason, f.reason),
      cause_event = g.cause_event, cause_attempt = coalesce(g.cause_attempt, f.cause_attempt),
      stuck_since = case when g.trigger = 'stuck' then coalesce(f.stuck_since, g.at)
        when g.trigger in ('undo', 'cancel', 'deadline') then f.stuck_since end,
      changed_at = g.at, failed_calls = f.failed_calls + coalesce(g.failed_calls, 0)
    from given g where f.saga = g.saga and f.instance = g.instance and f.step = g.step`,
);

/** Writes a decision about a row that the transaction has locked. */
export async function moveFence(tx: Executor, decision: FenceMove): Promise<void> {
  await tx.query(...move([decision]));
  failpoint('saga.after_move_fence');
}

/** Writes decisions about locked rows of distinct steps, by one statement whose answer is not awaited. */
export function moveFences<DB>(tx: Transaction<DB>, decisions: readonly FenceMove[]): Promise<void> {
  return sendAhead(tx, move(decisions));
}
