import { defineReconciler, defineService, from } from 'convergekit';

interface Tables {
  wanted: { sku: string; pieces: number };
  stock: { sku: string; reserved: number; version: number };
}
const of = from<Tables>('shop');

// What is wanted is the truth. What is reserved follows it, and is repaired where it has drifted.
const stock = defineReconciler('stock', {
  keys: {
    async *scan({ desired }) {
      yield (await desired.selectFrom('wanted').select('sku').execute()).map(({ sku }) => sku);
    },
  },
  desired: of.read((sku, db) =>
    db.selectFrom('wanted').where('sku', '=', sku).selectAll().executeTakeFirst(),
  ),
  actual: of.read((sku, db) => db.selectFrom('stock').where('sku', '=', sku).selectAll().executeTakeFirst()),
  version: 'version',
  compare: (want, row) => (want && row && row.reserved !== want.pieces ? want.pieces : null),
  repair: (pieces, { key, guard }) =>
    guard.update('stock', { key: { sku: key }, version: 'version', set: { reserved: pieces } }),
  mode: 'repair',
  schedule: { cron: '*/2 * * * * *' },
  timing: { settleMs: 1_000 },
});

await defineService('shop', { reconcilers: [stock] }).run();
