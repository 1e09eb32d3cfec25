import { waitUntil } from '@convergekit/testing';
import { randomUUID } from 'node:crypto';
import { systemClock } from '@convergekit/core';
import { driftCounters } from '../lab/faults/drift.ts';
import { behaveAs } from '../lab/faults/provider.ts';
import { repairsOf } from '../lab/workloads/shop/look.ts';
import { placeOne } from '../lab/workloads/shop/one-order.ts';
import type { Shop } from '../lab/workloads/shop/shop.ts';
import { countParked, failParcels } from './events-sql.ts';

/** Causes what a healthy shop does not have: a parked key, a dead letter, drift, a breaker that opens. */
export async function causeEvents(world: Shop): Promise<void> {
  const { shipping } = world.databases;
  const order = (country: string): Promise<unknown> =>
    placeOne(
      world,
      { lines: [{ sku: 'cup', quantity: 1, unitCents: 900 }], country },
      { 'idempotency-key': randomUUID() },
    );
  await behaveAs(world, { mode: 'normal' });
  const repair = await failParcels(shipping);
  // One key waits for the failure to end, one event is given up at once.
  await Promise.all([order('BR'), order('JP')]);
  await waitUntil(
    async () => (await countParked(shipping, 'waiting')) > 0 && (await countParked(shipping, 'dead')) > 0,
    {
      what: 'a parked key and a dead letter of shipping',
      deadlineMs: 60_000,
      everyMs: 100,
    },
  );
  await repair();
  const repaired = (await repairsOf(world)).length;
  const drifted = await driftCounters(world.databases.inventory, { clock: systemClock });
  await behaveAs(world, { mode: 'fail' });
  await Promise.all(Array.from({ length: 12 }, () => order('PT')));
  await waitUntil(async () => (await repairsOf(world)).length >= repaired + drifted, {
    what: `${drifted} repairs of drift`,
    deadlineMs: 60_000,
    everyMs: 200,
  });
  await behaveAs(world, { mode: 'normal' });
  await waitUntil(async () => (await countParked(shipping, 'waiting')) === 0, {
    what: 'the parked key of shipping to be released',
    deadlineMs: 60_000,
    everyMs: 100,
  });
}
