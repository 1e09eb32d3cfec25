import type { ReceivedEvent } from '@converge/contracts';
import type { Transaction } from 'kysely';
import type { Cause, PaymentsDb } from './tables.ts';
import type { Op } from './work.ts';

/** Writes down, with the slice, that the provider must be called: the worker does it once the slice has committed. */
export async function intend(
  tx: Transaction<PaymentsDb>,
  orderId: string,
  op: Op,
  cause: Cause,
): Promise<void> {
  await tx
    .insertInto('payment_work')
    .values({
      order_id: orderId,
      op,
      cause: JSON.stringify(cause),
      claim: null,
      claimed_until: null,
      last_error: null,
    })
    .execute();
}

/** The answer's event goes on with the story of the one that asked. */
export function causeOf({ id, correlationId, hops }: ReceivedEvent): Cause {
  return { eventId: id, correlationId: correlationId ?? id, hops: hops + 1 };
}
