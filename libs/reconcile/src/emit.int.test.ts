import { defineEvent } from '@convergekit/contracts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { openWorld, rowsOf, setWanted, stockReconciler, type World } from './fixture/stock.ts';
import { runReconciler } from './service.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld(inject('stack').databaseUrl);
});
afterEach(() => world.close());

describe('a repair that emits', () => {
  const corrected = defineEvent({
    type: 'stock.corrected',
    version: 1,
    topic: 'stock.events',
    key: ({ sku }: { sku: string }) => sku,
    data: z.object({ sku: z.string() }),
  });

  it('a repair writes its event to the outbox in its own transaction: both or neither', async () => {
    await setWanted(world, { good: 1, bad: 500 });
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
    expect(
      (await runReconciler(emitting, { databases: { orders: world.orders, inventory: world.stock } }))
        .outcomes,
    ).toEqual({ repaired: 1, refused: 1 });
    expect(await rowsOf(world, 'select topic, key, type from converge.outbox')).toEqual([
      { topic: 'stock.events', key: 'good', type: 'stock.corrected' },
    ]);
  });
});
