import { sql, type Transaction } from 'kysely';
import type { ClaimedWork } from './work.ts';

export type NewWork = Pick<
  ClaimedWork,
  'id' | 'consumer' | 'handler' | 'effect' | 'key' | 'idempotencyKey' | 'input' | 'cause'
>;

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
