import { defineConsumer, defineReconciler, from, defineWorkflow, localStep, step } from 'convergekit';
import type { Transaction } from 'kysely';
import { z } from 'zod';
import { buy, labelled, type Order, outOfStock, refused, released, reserved, shipped } from './events.ts';
import { providerCall, reach } from './director.ts';
import { serve } from './serve.ts';

interface Tables {
  reserved: { id: string; sku: string };
  parcels: { id: string };
  boxes: { id: string };
  copies: { id: string; cents: number; version: number };
}

const stock = defineConsumer<Tables>('stock', { from: 'first' }).include(
  step(buy.reserve, {
    apply: async ({ data }, { tx }) => {
      if (data.sku === 'none') return outOfStock(data);
      await tx.insertInto('reserved').values({ id: data.id, sku: data.sku }).execute();
      await reach('reserve', data.id);
      return reserved(data);
    },
    compensate: async ({ intent: { data } }, { tx }) => {
      await tx.deleteFrom('reserved').where('id', '=', data.id).execute();
      await reach('release', data.id);
      return released(data);
    },
  }),
);

const labels = defineConsumer<Tables>('labels', { from: 'first' }).include(
  step(buy.label, {
    call: providerCall('post.label'),
    input: ({ event: { data } }) => ({ id: data.id }),
    outcome: (_, { event: { data } }) => labelled(data),
  }),
);

const parcels = defineConsumer<Tables>('parcels', { from: 'first' }).include(
  step(buy.ship, {
    apply: async ({ data }, { tx }) => {
      if (data.sku === 'anvil') return refused(data);
      await tx.insertInto('parcels').values({ id: data.id }).execute();
      await reach('ship', data.id);
      return shipped(data);
    },
  }),
);

const empty = z.object({});
const box = (name: 'box' | 'crate', recovery: 'resume' | 'undo') =>
  defineWorkflow(name, {
    recovery,
    input: empty,
    result: empty,
    steps: {
      open: providerCall('box.open', { queried: true }),
      seal: providerCall('box.seal'),
      row: localStep({
        input: z.object({ id: z.string() }),
        result: z.null(),
        apply: async ({ id }, { tx }: { tx: Transaction<Tables> }) => {
          await tx.insertInto('boxes').values({ id }).execute();
          await reach('box', id);
          return null;
        },
        compensate: async ({ input: { id } }, { tx }) => {
          await tx.deleteFrom('boxes').where('id', '=', id).execute();
        },
      }),
    },
    body: async (unit) => {
      await unit.step('open', { id: unit.id });
      await unit.step('row', { id: unit.id });
      await unit.step('seal', { id: unit.id });
      return {};
    },
  });
const resumed = box('box', 'resume');
const undone = box('crate', 'undo');

/** The orders of `orders`, copied by hand into this database: what differs is drift. */
const copies = defineReconciler('copies', {
  keys: {
    async *scan({ actual }) {
      yield (await actual.selectFrom('copies').select('id').execute()).map(({ id }) => id);
    },
  },
  desired: from<{ orders: Order }>('orders').read(
    async (id, db) =>
      (await db.selectFrom('orders').select('cents').where('id', '=', id).executeTakeFirst())?.cents ?? null,
  ),
  actual: from<Tables>('delivery').read(
    async (id, db) =>
      (await db.selectFrom('copies').selectAll().where('id', '=', id).executeTakeFirst()) ?? null,
  ),
  version: 'version',
  compare: (cents, row) => (row === null || cents === null || row.cents === cents ? null : cents),
  repair: (cents, { key, guard }) =>
    guard.update('copies', { key: { id: key }, version: 'version', set: { cents } }),
  timing: { settleMs: 200 },
  mode: 'repair',
});

await serve<Tables>(
  'delivery',
  { consumers: [stock, labels, parcels], workflows: [resumed, undone], reconcilers: [copies] },
  {
    answer: async ({ op, key }, { startWorkflow }) => {
      await startWorkflow(op === 'box' ? resumed : undone, key, {});
    },
  },
);
