import type { Generated, Transaction } from 'kysely';

export interface EffectTable {
  id: Generated<string>;
  consumer: string;
  event_id: string;
  event_type: string;
  key: string;
  event_at: Date;
  at: Generated<Date>;
}

export interface Caused {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly time: Date;
}

/**
 * Notes that a consumer took effect for an event, in the handler's own transaction. The audit counts these rows:
 * two for one event would be an effect that happened twice.
 */
export async function noteEffect<DB extends { effect: EffectTable }>(
  tx: Transaction<DB>,
  consumer: string,
  event: Caused,
): Promise<void> {
  // Kysely cannot see through a type parameter; the table is the same in each database of the shop.
  const db = tx as unknown as Transaction<{ effect: EffectTable }>;
  await db
    .insertInto('effect')
    .values({ consumer, event_id: event.id, event_type: event.type, key: event.key, event_at: event.time })
    .execute();
}
