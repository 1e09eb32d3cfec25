import { readFileSync } from 'node:fs';
import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import type { Database, Reconciler } from 'convergekit';
import { inboxMigrations, reconcileMigrations, type RunCounts, runReconciler } from 'convergekit/process';
import { approveRepairs } from '@convergekit/reconcile/operate';
import { freshDatabase } from '@convergekit/testing';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { complete, nightly, type OrdersDb, stock, type StockDb } from './reconcilers.ts';

let orders: Database<OrdersDb>;
let inventory: Database<StockDb>;

beforeEach(async () => {
  const { databaseUrl } = inject('stack');
  orders = connect<OrdersDb>({ url: await freshDatabase(databaseUrl, 'guide') });
  inventory = connect<StockDb>({ url: await freshDatabase(databaseUrl, 'guide') });
  await migrate(inventory, [outboxMigrations, inboxMigrations, reconcileMigrations]);
  await orders.executor.query('create table wanted (sku text primary key, quantity int not null)');
  await inventory.executor.query(
    `create table stock (sku text primary key, reserved int not null, shelf text not null default '', version int not null default 1)`,
  );
  const fill = (table: string, column: string): string =>
    `insert into ${table} (sku, ${column}) select 'sku-' || i, i from generate_series(1, 300) i`;
  await orders.executor.query(fill('wanted', 'quantity'));
  await inventory.executor.query(fill('stock', 'reserved'));
});
afterEach(async () => {
  await orders.close();
  await inventory.close();
});

/** Runs once, as if the settle window of all that was seen before had passed. */
async function run(reconciler: Reconciler): Promise<RunCounts['outcomes']> {
  await inventory.executor.query(
    `update converge.reconcile_key set drift_since = drift_since - interval '1 hour', next_at = now() where state = 'queued'`,
  );
  // No run takes so long that the window of what it found itself passes, on any machine.
  const patient = { ...reconciler, timing: { ...reconciler.timing, settleMs: 3_600_000 } };
  return (await runReconciler(patient, { databases: { orders, inventory } })).outcomes;
}

const reserved = async (sku: string): Promise<number | undefined> =>
  (await inventory.db.selectFrom('stock').select('reserved').where('sku', '=', sku).executeTakeFirst())
    ?.reserved;

it('the first reconciler of the guide waits for the settle window, then repairs, then finds nothing', async () => {
  await inventory.executor.query(`update stock set reserved = 0 where sku = 'sku-7'`);
  expect(await run(stock)).toEqual({ in_sync: 299, pending: 1 });
  expect(await run(stock)).toMatchObject({ repaired: 1 });
  expect(await reserved('sku-7')).toBe(7);
  expect(await run(stock)).toEqual({ in_sync: 300 });
});

it('the one that inserts adds a row that is missing, and counts a key that both sides list once', async () => {
  await inventory.executor.query(`delete from stock where sku = 'sku-7'`);
  expect(await run(complete)).toEqual({ in_sync: 299, pending: 1 });
  expect(await run(complete)).toMatchObject({ repaired: 1 });
  expect(await reserved('sku-7')).toBe(7);
  expect(await run(complete)).toEqual({ in_sync: 300 });
});

it('the trigger of the guide raises the version for a writer that does not', async () => {
  const page = readFileSync(new URL('../guides/reconcilers.md', import.meta.url), 'utf8');
  await inventory.executor.query(/```sql\n(create function raise_version[^]*?)```/.exec(page)?.[1] ?? '');
  await inventory.executor.query(`update stock set reserved = 0 where sku = 'sku-7'`);
  const { rows } = await inventory.executor.query(`select version from stock where sku = 'sku-7'`);
  expect(rows).toEqual([{ version: 2 }]);
  await run(stock);
  expect(await run(stock)).toMatchObject({ repaired: 1 });
});

it('the second one repairs nothing whose events cannot be proved to have arrived', async () => {
  await inventory.executor.query(`update stock set reserved = 0 where sku = 'sku-7'`);
  expect(await run(nightly)).toEqual({ in_sync: 299, pending: 1 });
  expect(await run(nightly)).toMatchObject({ pending: 1 });
  const { rows } = await inventory.executor.query<{ reason: string }>(
    `select reason from converge.reconcile_key where key = 'sku-7'`,
  );
  expect(rows[0]?.reason).toMatch(/^halted: shop.wanted/);
  expect(await reserved('sku-7')).toBe(0);
});

it('an emptied desired set stops at the limit, and an approval lets its number pass', async () => {
  await orders.executor.query('delete from wanted');
  await run(stock);
  const first = await run(stock);
  // 2 % of 300 keys are less than what is allowed in any case.
  expect(first.repaired).toBe(20);
  const left = async (): Promise<string | undefined> =>
    (await inventory.executor.query<{ n: string }>('select count(*) as n from stock where reserved = 0'))
      .rows[0]?.n;
  expect(await left()).toBe('20');
  await approveRepairs(inventory.executor, {
    reconciler: 'stock',
    repairs: 10,
    forMs: 3_600_000,
    by: 'ann',
    reason: 'the season is over',
  });
  await run(stock);
  expect(await left()).toBe('30');
});
