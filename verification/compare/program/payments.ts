import { defineConsumer, step } from 'convergekit';
import { buy, charged, declined, filed, notStamped, refunded, shipped, stamped } from './events.ts';
import { providerCall, reach } from './director.ts';
import { serve } from './serve.ts';

interface Tables {
  receipts: { id: string; receipt: string };
  files: { id: string };
  points: { id: string; cents: number };
  stamps: { id: string; receipt: string };
}

const money = defineConsumer<Tables>('money', { from: 'first' })
  .include(
    step(buy.charge, {
      call: providerCall('bank.charge', { queried: true }),
      input: ({ event: { data } }) => ({ id: data.id }),
      outcome: ({ receipt }, { event: { data } }) => (receipt === 'refused' ? declined : charged)(data),
      undone: ({ intent: { data } }) => refunded(data),
      record: async ({ event: { data }, outcome }, { tx }) => {
        await tx.insertInto('receipts').values({ id: data.id, receipt: outcome.type }).execute();
      },
    }),
  )
  .include(
    step(buy.file, {
      apply: async ({ data }, { tx }) => {
        await tx.insertInto('files').values({ id: data.id }).execute();
        await reach('file', data.id);
        return filed(data);
      },
    }),
  );

/** A call outside of the saga, which cannot be repeated: its unknown outcome waits for an operator. */
const stamp = providerCall('press.stamp', { idempotency: 'none' }).onOutcome<Tables>({
  succeeded: async ({ receipt }, { tx, emit, input: { id } }) => {
    await tx.insertInto('stamps').values({ id, receipt }).execute();
    emit(stamped({ id, sku: 'stamp', cents: 1 }));
  },
  failed: (_, { emit, input: { id } }) => emit(notStamped({ id, sku: 'stamp', cents: 1 })),
});
const stamps = defineConsumer<Tables>('stamps', { from: 'first' })
  .calls(stamp)
  .on(filed, async ({ data: { id, sku } }, { call }) => {
    if (sku === 'stamped') await call(stamp, { id });
  });

/** Points for a parcel, which may be refused: the failure event is for `orders`. */
const points = defineConsumer<Tables>('points', { from: 'first' }).on(
  shipped,
  async ({ data: { id, cents } }, { tx }) => {
    await tx.insertInto('points').values({ id, cents }).execute();
    await reach('points', id);
  },
);

await serve<Tables>(
  'payments',
  { consumers: [money, stamps, points] },
  { answer: () => Promise.resolve(null) },
);
