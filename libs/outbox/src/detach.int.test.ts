/**
 * Planted faults, each seen to fail here: without the cancel of a detach from outside; without the `lock_timeout` of
 * finalize and of drop.
 */
import { systemClock, systemRandom } from '@convergekit/core';
import { beforeEach, expect, inject, it } from 'vitest';
import { openShop, type Shop } from './fixture/shop.ts';
import { readDetaching, stepDetach } from './detach.ts';

const child = 'outbox_0';
const patience = { waitMs: 50, clock: systemClock, random: systemRandom };
let shop: Shop;
let held: (() => Promise<void>)[] = [];

beforeEach(async () => {
  shop = await openShop(inject('stack').databaseUrl);
  await shop.database.executor.query('update converge.source set leaving = array[$1]', [child]);
  held = [];
  return async () => {
    for (const end of held) await end();
    await shop.database.close();
  };
});

/** Opens a transaction that stays open after this statement. */
async function holding(statement: string): Promise<() => Promise<void>> {
  const client = await shop.database.acquire();
  await client.query('begin');
  await client.query(statement);
  let over: Promise<void> | undefined;
  const end = (): Promise<void> =>
    (over ??= client.query('rollback').then(() => {
      client.release();
    }));
  held.push(end);
  return end;
}

const state = async (): Promise<string | undefined> =>
  (await readDetaching(shop.database.executor))[0]?.state;
const step = async (): Promise<string> => {
  const [leaving] = await readDetaching(shop.database.executor);
  if (leaving === undefined) return 'none';
  const given = systemClock.sleep(5_000).then(() => 'waited on');
  return Promise.race([stepDetach(shop.database, leaving, patience), given]);
};

it('each step of a detach gives up within its time limit while a transaction is open, and succeeds after it', async () => {
  const reader = await holding('select count(*) from converge.outbox');
  expect(await step()).toBe('busy');
  expect(await state()).toBe('pending');
  expect(await step()).toBe('busy');
  await reader();
  expect(await step()).toBe('done');
  expect(await state()).toBe('detached');

  const late = await holding(`select count(*) from converge.${child}`);
  expect(await step()).toBe('busy');
  await late();
  expect(await step()).toBe('removed');
  expect(await state()).toBeUndefined();
});
