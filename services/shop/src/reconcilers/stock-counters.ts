import { defineReconciler, from } from 'convergekit';
import { sql } from 'kysely';
import type { InventoryDb } from '../inventory/tables.ts';
import { compareCounters } from './counters.ts';

/**
 * Compares the counters of each article with its reservations.
 * Both are in one database, and every change of a reservation increases the article's version, which the guard compares: a
 * repair cannot revert work in flight, and no settle window is needed.
 */
export const stockCounters = defineReconciler('stock-counters', {
  schedule: '*/2 * * * * *',
  mode: 'repair',
  timing: { settleMs: 0 },
  limits: { share: 1, always: 100 },
  keys: {
    async *scan({ actual }) {
      const rows = await actual.selectFrom('stock').select('sku').orderBy('sku').execute();
      yield rows.map(({ sku }) => sku);
    },
  },
  desired: from<InventoryDb>('inventory').read((sku, db) =>
    db
      .selectFrom('reservation')
      .select([
        sql<number>`coalesce(sum(quantity) filter (where state = 'held'), 0)::int`.as('held'),
        sql<number>`coalesce(sum(quantity) filter (where state = 'shipped'), 0)::int`.as('shipped'),
      ])
      .where('sku', '=', sku)
      .executeTakeFirstOrThrow(),
  ),
  actual: from<InventoryDb>('inventory').read((sku, db) =>
    db
      .selectFrom('stock')
      .select(['sku', 'initial', 'on_hand as onHand', 'reserved', 'shipped', 'version'])
      .where('sku', '=', sku)
      .executeTakeFirst(),
  ),
  version: 'version',
  lock: (sku, tx) => tx.selectFrom('stock').where('sku', '=', sku),
  compare: compareCounters,
  unresolvable: ({ wanted }) =>
    wanted.onHand < 0 ? 'more is reserved and shipped than there ever was' : null,
  owns: ['onHand', 'reserved', 'shipped'],
  repair: ({ sku, wanted: { onHand, reserved, shipped } }, { guard }) =>
    guard.update('stock', {
      key: { sku },
      version: 'version',
      set: { on_hand: onHand, reserved, shipped },
    }),
  why: ({ is, wanted }) =>
    `counters are ${JSON.stringify(is)}, the reservations say ${JSON.stringify(wanted)}`,
});
