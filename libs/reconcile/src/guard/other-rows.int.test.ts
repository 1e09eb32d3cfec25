import { sql, type Transaction } from 'kysely';
import { describe, expect, inject, it } from 'vitest';
import {
  type Definition,
  guarded,
  listing,
  onceTiming,
  options,
  rowsOf,
  setStock,
  setWanted,
  type StockDb,
  stockOf,
  stockReconciler,
  world,
  worldForEach,
} from '../fixture/stock.ts';
import { runReconciler } from '../service.ts';

worldForEach();

type Repair = Definition['repair'];

/** Repairs key a, which wants 3 and has 1, once. Returns the outcomes and the reason. */
async function repairing(repair: Repair): Promise<readonly [unknown, unknown]> {
  await setWanted({ a: 3, b: 5, c: 7 });
  await setStock({ a: 1, b: 5, c: 7 });
  const reconciler = stockReconciler({
    repair,
    keys: { scan: () => listing(['a']) },
    timing: onceTiming,
  });
  const { outcomes } = await runReconciler(reconciler, options);
  return [outcomes, (await rowsOf('select reason from converge.reconcile_key'))[0]?.['reason']];
}

const other = (): Promise<unknown> => rowsOf('select min(n), max(n), count(*)::int from other');
const untouched = [{ min: 1, max: 10, count: 10 }];

async function withOther(): Promise<void> {
  await world.stock.executor.query(
    'create table other (n int); insert into other select generate_series(1, 10)',
  );
}

describe('a repair that reaches further than its key', () => {
  // Each was seen to pass as a repair: the first two rewrote all rows of the version.
  it.each<[string, Repair, RegExp]>([
    [
      'gives the guard an empty key',
      ({ quantity }, { guard }) =>
        guard.update('stock', { key: {}, version: 'version', set: { reserved: quantity } }),
      /gives stock a key without values/,
    ],
    [
      'gives the guard a key whose value is undefined',
      (_drift, { guard }) => guard.delete('stock', { key: { sku: undefined as never }, version: 'version' }),
      /gives stock a key without values/,
    ],
    [
      'gives the guard a key that several rows have',
      ({ quantity }, { guard }) =>
        guard.update('stock', { key: { version: 1 }, version: 'version', set: { reserved: quantity } }),
      /changed 3 rows of stock at once/,
    ],
    [
      'changes more rows after guard.lock than were locked',
      async (_drift, { tx, guard }) => {
        await guard.lock();
        return tx
          .updateTable('stock')
          .set({ reserved: 3, version: sql`version + 1` })
          .executeTakeFirst();
      },
      /REPAIR_UNGUARDED: .* changed 3 rows \(stock: 3\), and the guard compared the version of 0; of the 1 that it locked, 1 changed/,
    ],
    // Planted fault: each lock counts the rows of the key once more.
    [
      'locks its row twice and changes two rows',
      async (_drift, { tx, guard }) => {
        await guard.lock();
        await guard.lock();
        return tx
          .updateTable('stock')
          .set({ reserved: 3, version: sql`version + 1` })
          .where('sku', 'in', ['a', 'b'])
          .executeTakeFirst();
      },
      /REPAIR_UNGUARDED: .* changed 2 rows \(stock: 2\), and the guard compared the version of 0; of the 1 that it locked, 1 changed/,
    ],
    // Seen to pass while the locked rows were counted alone.
    [
      'locks its row and changes another in its place',
      async ({ quantity }, { guard, tx }) => {
        await guard.lock();
        return tx.updateTable('stock').set({ reserved: quantity }).where('sku', '=', 'b').executeTakeFirst();
      },
      /REPAIR_UNGUARDED: .* changed 1 row \(stock: 1\), and the guard compared the version of 0; of the 1 that it locked, 0 changed/,
    ],
    [
      'locks its row, changes it by the guard, and another beside it',
      async (drift, context) => {
        await context.guard.lock();
        await context.tx.updateTable('stock').set({ reserved: 9 }).where('sku', '=', 'b').execute();
        return guarded(drift, context);
      },
      /REPAIR_UNGUARDED: .* changed 2 rows \(stock: 2\), and the guard compared the version of 0; of the 1 that it locked, 1 changed/,
    ],
    [
      "changes a row of the kit's tables",
      async (drift, context) => {
        await sql`update converge.reconcile_key set failures = 9`.execute(context.tx);
        return guarded(drift, context);
      },
      /REPAIR_UNGUARDED: .* changed 2 rows \(converge.reconcile_key: 1, stock: 1\)/,
    ],
  ])('G7a: a repair that %s is rolled back', async (_name, repair, reason) => {
    const [outcomes, why] = await repairing(repair);
    expect(outcomes).not.toHaveProperty('repaired');
    expect(why).toMatch(reason);
    expect(await stockOf()).toEqual({ a: 1, b: 5, c: 7 });
  });

  it('a repair by guard.lock changes each of the rows that it locked, and one more by the guard', async () => {
    await world.stock.executor.query(`create table shelf (sku text primary key, version int not null)`);
    await world.stock.executor.query(`insert into shelf values ('a', 1)`);
    await setWanted({ a: 3 });
    await setStock({ a: 1, a2: 1 });
    const reconciler = stockReconciler({
      keys: { scan: () => listing(['a']) },
      repair: async ({ quantity }, { guard, tx }) => {
        await guard.lock();
        await guard.update('shelf' as 'stock', { key: { sku: 'a' }, version: 'version', set: {} });
        const set = { reserved: quantity, version: sql<number>`version + 1` };
        return tx.updateTable('stock').set(set).where('sku', 'in', ['a', 'a2']).executeTakeFirst();
      },
    });
    const lock: typeof reconciler.lock = (sku, tx) => [
      (tx as Transaction<StockDb>).selectFrom('stock').where('sku', '=', sku),
      (tx as Transaction<StockDb>).selectFrom('stock').where('sku', '=', `${sku}2`),
    ];
    const both = { ...reconciler, lock };
    expect((await runReconciler(both, options)).outcomes).toEqual({ repaired: 1 });
    expect(await stockOf()).toEqual({ a: 3, a2: 3 });
    expect(await rowsOf('select version from shelf')).toEqual([{ version: 2 }]);
  });

  it('a repair that emits by SQL is no wider when its emit measures the outbox', async () => {
    await world.stock.executor.query('update converge.source set max_bytes = 100000000, refuse = true');
    const [outcomes] = await repairing(async (drift, context) => {
      await sql`select converge.emit('t', 'k', 'a.b', '{}')`.execute(context.tx);
      return guarded(drift, context);
    });
    expect(outcomes).toEqual({ repaired: 1 });
    const measured = `select measured_at > '-infinity' as measured from converge.source`;
    expect(await rowsOf(measured)).toEqual([{ measured: true }]);
  });

  it('G7a: a repair that changes rows behind a TRUNCATE is rolled back', async () => {
    await withOther();
    const [outcomes, why] = await repairing(async (drift, context) => {
      await sql`create temp table kept on commit drop as select n + 1 as n from other`.execute(context.tx);
      await sql`truncate other`.execute(context.tx);
      await sql`insert into other select n from kept`.execute(context.tx);
      return guarded(drift, context);
    });
    expect(outcomes).toEqual({ refused: 1 });
    expect(why).toMatch(/truncated, altered or locked the table other/);
    expect(await other()).toEqual(untouched);
  });

  it('G7a: a repair that changes rows of a foreign table, which no counter shows, is rolled back', async () => {
    await withOther();
    const { hostname, port, username, password } = new URL(inject('stack').databaseUrl);
    await world.stock.executor.query('create extension postgres_fdw');
    await world.stock.executor.query(`do $$ begin execute format(
      'create server far foreign data wrapper postgres_fdw options (host ''${hostname}'', port ''${port}'', dbname %L)',
      current_database()); end $$`);
    await world.stock.executor.query(`
      create user mapping for current_user server far options (user '${username}'${password === '' ? '' : `, password '${password}'`});
      create foreign table far_other (n int) server far options (schema_name 'public', table_name 'other')`);
    const [outcomes, why] = await repairing(async (drift, context) => {
      await sql`update far_other set n = n + 100`.execute(context.tx);
      return guarded(drift, context);
    });
    expect(outcomes).toEqual({ refused: 1 });
    expect(why).toMatch(/wrote to the foreign table far_other, whose rows are not counted/);
    expect(await other()).toEqual(untouched);
  });

  it('G7a: a repair whose deferred trigger changes other rows is rolled back', async () => {
    await withOther();
    await world.stock.executor.query(`
      create function reach() returns trigger language plpgsql as $$ begin update other set n = n + 100; return null; end $$;
      create constraint trigger reach after update on stock deferrable initially deferred
        for each row when (new.reserved = 3) execute function reach()`);
    const [outcomes, why] = await repairing(guarded);
    expect(outcomes).toEqual({ refused: 1 });
    expect(why).toMatch(/changed 11 rows \(other: 10, stock: 1\)/);
    expect(await other()).toEqual(untouched);
  });
});

describe('a repair that keeps the version of what it changed', () => {
  // A writer that read the row before would overwrite the repair: its version is the same.
  it.each<[string, Repair]>([
    [
      'sets the version to itself',
      ({ quantity }, { key, guard }) =>
        guard.update('stock', {
          key: { sku: key },
          version: 'version',
          set: { reserved: quantity, version: sql<number>`version` },
        }),
    ],
    [
      'deletes the row and inserts it anew',
      async ({ quantity }, { key, guard, tx }) => {
        const rows = await guard.delete('stock', { key: { sku: key }, version: 'version' });
        await tx.insertInto('stock').values({ sku: key, reserved: quantity, version: 1 }).execute();
        return rows;
      },
    ],
  ])('G7a: a repair that %s is rolled back', async (_name, repair) => {
    const [outcomes, why] = await repairing(repair);
    expect(outcomes).toEqual({ refused: 1 });
    expect(why).toMatch(/REPAIR_UNGUARDED: .* the version went from 1 to 1/);
    expect(await stockOf()).toMatchObject({ a: 1 });
  });
});
