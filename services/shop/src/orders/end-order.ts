import { ConvergeError } from 'convergekit';
import type { Transaction } from 'kysely';
import { decideOutcome, type Outcome } from './order.ts';
import type { OrdersDb } from './tables.ts';

/** Ends an order and returns its cost. `onEnd` runs only if this call ended it. */
export async function endOrder(
  tx: Transaction<OrdersDb>,
  orderId: string,
  outcome: Outcome,
  onEnd?: () => void,
): Promise<{ readonly totalCents: number }> {
  // The row lock orders two outcomes of one order.
  const order = await tx
    .selectFrom('orders')
    .select(['state', 'version', 'total_cents'])
    .where('order_id', '=', orderId)
    .forUpdate()
    .executeTakeFirst();
  if (order === undefined) throw contradiction(orderId, 'it does not exist here');
  const settled = { totalCents: order.total_cents };
  const decision = decideOutcome(order.state, outcome);
  if (decision.kind === 'contradiction') throw contradiction(orderId, decision.message);
  if (decision.kind === 'settled') return settled;
  const reason = outcome.state === 'cancelled' ? outcome.reason : null;
  const version = order.version + 1;
  await tx
    .updateTable('orders')
    .set({ state: outcome.state, reason, version, settled_at: new Date() })
    .where('order_id', '=', orderId)
    .execute();
  await tx
    .insertInto('order_history')
    .values({ order_id: orderId, version, state: outcome.state, detail: reason })
    .execute();
  onEnd?.();
  return settled;
}

function contradiction(orderId: string, message: string): ConvergeError {
  return new ConvergeError(`order ${orderId}: ${message}`, {
    code: 'ORDER_CONTRADICTION',
    category: 'bug',
    certainty: 'not_applied',
  });
}
