import { type Database, defineCall, defineConsumer } from 'convergekit';
import { callsOf, sagaWorker } from 'convergekit/process';
import { z } from 'zod';
import { charged, declined, ordered, pay, type ShopDb } from './shop.ts';

const charge = defineCall('payments.charge', {
  input: z.object({ order: z.string(), cents: z.number().int() }),
  result: z.object({ receipt: z.string() }),
  idempotency: 'keyed', // the provider drops repeats of the key
  call: ({ cents }, { idempotencyKey, signal }) => pay(cents, idempotencyKey, signal),
}).onOutcome<ShopDb>({
  succeeded: ({ receipt }, { emit, input }) => emit(charged({ order: input.order, receipt })),
  failed: ({ code }, { emit, input }) => emit(declined({ order: input.order, code })),
});

export const payments = defineConsumer<ShopDb>('payments', { from: 'first' })
  .calls(charge)
  .on(ordered, async ({ data }, { call }) => {
    await call(charge, data);
  });
export const worker = (database: Database<ShopDb>) => sagaWorker(callsOf(payments), { database });
