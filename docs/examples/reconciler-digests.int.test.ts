import { connect, migrate } from 'convergekit/postgres';
import type { Database } from 'convergekit';
import { reconcileMigrations, runReconciler } from 'convergekit/process';
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { onStockChanged, type OrdersDb, stock, type StockDb, warehouseScan } from './reconciler-digests.ts';

let orders: Database<OrdersDb>;
let inventory: Database<StockDb>;

beforeAll(async () => {
  const { databaseUrl } = inject('stack');
  orders = connect<OrdersDb>({ url: await freshDatabase(databaseUrl, 'guide') });
  inventory = connect<StockDb>({ url: await freshDatabase(databaseUrl, 'guide') });
  await migrate(inventory, [reconcileMigrations]);
  await orders.executor
    .query(`create table wanted (sku text primary key, quantity int not null, changed_at timestamptz not null default now() - interval '1 hour');
    create index on wanted (hashtextextended(sku::text collate "C", 0));
    insert into wanted (sku, quantity) select 'sku-' || i, i from generate_series(1, 1000) i`);
  await inventory.executor
    .query(`create table stock (sku text primary key, reserved int not null, version int not null default 1, changed_at timestamptz not null default now() - interval '1 hour');
    create index on stock (hashtextextended(sku::text collate "C", 0));
    insert into stock (sku, reserved) select 'sku-' || i, i from generate_series(1, 1000) i`);
});
afterAll(async () => {
  await orders.close();
  await inventory.close();
});

const run = async (): Promise<number> => {
  const reconciler = { ...stock, timing: { ...stock.timing, settleMs: 0 } };
  return (await runReconciler(reconciler, { databases: { orders, inventory } })).keys;
};

it('the example of digests lists the key that differs, repairs it, and then finds nothing', async () => {
  await inventory.executor.query(`update stock set reserved = 0 where sku in ('sku-7', 'sku-8')`);
  expect(await run()).toBe(2);
  const { rows } = await inventory.executor.query<{ n: string }>(
    'select count(*) as n from stock where reserved = 0',
  );
  expect(rows).toEqual([{ n: '0' }]);
  await inventory.executor.query(`update stock set reserved = 0 where sku = 'sku-9'`);
  await onStockChanged(inventory, ['sku-9']);
  expect(await run()).toBe(1);
  expect(await run()).toBe(0);
});

it('the example of a warehouse is unknown until its digest table is written', async () => {
  await orders.executor.query(
    'create table warehouse_digest (bucket text primary key, rows bigint not null, xor bigint not null, sum numeric not null, as_of timestamptz not null)',
  );
  const chunks: unknown[] = [];
  for await (const chunk of warehouseScan(
    { desired: orders.db, actual: inventory.db },
    { reconciler: 'stock', after: null },
  ))
    chunks.push(chunk);
  expect(chunks).toEqual([
    { unknown: 'digest table warehouse_digest: it has no row with an empty bucket, the digest of all rows' },
  ]);
});
