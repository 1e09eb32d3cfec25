/** Planted fault, seen to fail here: articles locked in the order of the lines, and not of their names, deadlock. */
import { readFileSync } from 'node:fs';
import { newUuidV7 } from 'convergekit';
import { freshDatabase, seededRandom } from '@convergekit/testing';
import { connect } from 'convergekit/postgres';
import { expect, inject, it, onTestFinished } from 'vitest';
import { endReservation, hold, lockLevels, saveLevels } from './stock-store.ts';
import { mergeLines, reserve } from './stock.ts';
import type { InventoryDb } from './tables.ts';

const schema = readFileSync(new URL('../../sql/inventory/001-stock.sql', import.meta.url), 'utf8');

it('counters of the stock equal the reservations while many orders want the same articles at once', async () => {
  const database = connect<InventoryDb>({ url: await freshDatabase(inject('stack').databaseUrl), max: 12 });
  onTestFinished(() => database.close());
  const { executor, db } = database;
  await executor.query(schema);
  const skus = ['cup', 'hat', 'pot'];
  for (const sku of skus)
    await executor.query('insert into stock (sku, initial, on_hand) values ($1, 40, 40)', [sku]);
  const random = seededRandom(11);
  const orderOnce = async (): Promise<void> => {
    const wanted = skus.filter(() => random() < 0.7).toSorted(() => random() - 0.5);
    if (wanted.length === 0) return;
    const lines = mergeLines(wanted.map((sku) => ({ sku, quantity: 1 + Math.floor(random() * 3) })));
    const id = newUuidV7();
    const isReserved = await db.transaction().execute(async (tx) => {
      const levels = await lockLevels(tx, wanted);
      const reservation = reserve(levels, lines);
      if (reservation.kind === 'rejected') return false;
      await Promise.all([saveLevels(tx, reservation.levels), hold(tx, id, lines)]);
      return true;
    });
    const dice = random();
    if (!isReserved || dice > 0.8) return;
    const end = dice < 0.6 ? 'released' : 'shipped';
    const ends = [1, 2].map(() => db.transaction().execute((tx) => endReservation(tx, id, end)));
    expect((await Promise.all(ends)).filter(Boolean)).toHaveLength(1);
  };
  const customer = async (): Promise<void> => {
    for (let count = 0; count < 25; count += 1) await orderOnce();
  };
  await Promise.all(Array.from({ length: 10 }, customer));
  const { rows } = await executor.query<Record<'sku' | 'held' | 'shipped', string>>(
    `select sku, coalesce(sum(quantity) filter (where state = 'held'), 0)::int as held,
            coalesce(sum(quantity) filter (where state = 'shipped'), 0)::int as shipped
       from reservation group by sku order by sku`,
  );
  const { rows: stock } = await executor.query(
    `select sku, reserved as held, shipped from stock where on_hand + reserved + shipped = initial order by sku`,
  );
  expect(stock).toEqual(rows);
  expect(stock).toHaveLength(3);
});
