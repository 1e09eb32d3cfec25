import type { Generated, Transaction } from 'kysely';

/** The kind of an effect: `handle` of an event, `apply` or `compensate` of a saga step. */
export type Act = 'handle' | 'apply' | 'compensate';

export interface EffectTable {
  id: Generated<string>;
  consumer: string;
  act: Act;
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
 * Records that a consumer took effect for an event, in the handler's own transaction.
 * Audits count these rows: two of one act for one event are a duplicate effect.
 */
export async function noteEffect<DB extends { effect: EffectTable }>(
  tx: Transaction<DB>,
  consumer: string,
  { id, type, key, time }: Caused,
  act: Act = 'handle',
): Promise<void> {
  // Kysely cannot infer through a type parameter; the table is the same in each database.
  const db = tx as unknown as Transaction<{ effect: EffectTable }>;
  await db
    .insertInto('effect')
    .values({ consumer, act, event_id: id, event_type: type, key, event_at: time })
    .execute();
}
