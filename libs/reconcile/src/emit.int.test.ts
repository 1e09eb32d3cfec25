import { defineEvent } from '@convergekit/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { options, rowsOf, setWanted, stockReconciler, worldForEach } from './fixture/stock.ts';
import { runReconciler } from './service.ts';

worldForEach();

describe('a repair that emits', () => {
  const corrected = defineEvent('stock.corrected', {
    version: 1,
    topic: 'stock.events',
    key: ({ sku }: { sku: string }) => sku,
    data: z.object({ sku: z.string() }),
  });

  it('a repair writes its event to the outbox in its own transaction: both or neither', async () => {
    await setWanted({ good: 1, bad: 500 });
    const emitting = stockReconciler({
      emits: [corrected],
      repair: async (drift, { tx, key, emit }) => {
        emit(corrected({ sku: key }));
        return tx
          .insertInto('stock')
          .values({ sku: key, reserved: drift.quantity, version: 1 })
          .executeTakeFirst();
      },
      invariants: [{ name: 'small', holds: (sku: string) => Promise.resolve(sku !== 'bad') }],
    });
    expect((await runReconciler(emitting, options)).outcomes).toEqual({ repaired: 1, refused: 1 });
    expect(await rowsOf('select topic, key, type from converge.outbox')).toEqual([
      { topic: 'stock.events', key: 'good', type: 'stock.corrected' },
    ]);
  });
});
