import { executorOf, type Executor } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { seededRandom } from '@convergekit/core';
import { beforeEach, expect, inject, it } from 'vitest';
import { keysOf, openShop, orderPlaced, type Shop } from './fixture/shop.ts';

/** The share of the rounds that are run. */
const PART = inject('full') ? 1 : 0.25;

let shop: Shop;

beforeEach(async () => {
  shop = await openShop(inject('stack').databaseUrl, { max: 24 });
  return () => shop.database.close();
});

interface Observation {
  /** Rows that became visible below an already visible row of their key. */
  readonly late: string[];
  readonly seen: Map<string, bigint>;
}

/** Reads visible rows until `done` and twice more, and records every row out of order. */
async function observe(executor: Executor, done: () => boolean): Promise<Observation> {
  const observation: Observation = { late: [], seen: new Map() };
  const known = new Set<string>();
  for (let after = 0; after < 2; after += done() ? 1 : 0) {
    const { rows } = await executor.query<{ key: string; id: string }>(
      'select key, id from converge.outbox where id > $1 order by id',
      [String(Math.max(0, known.size - 2_000))],
    );
    const highest = new Map(observation.seen);
    for (const { key, id } of rows) {
      if (known.has(id)) continue;
      known.add(id);
      if (BigInt(id) < (observation.seen.get(key) ?? 0n)) observation.late.push(`${key}: ${id}`);
      if (BigInt(id) > (highest.get(key) ?? 0n)) highest.set(key, BigInt(id));
    }
    for (const [key, id] of highest) observation.seen.set(key, id);
  }
  return observation;
}

// Planted fault: an append that takes the lock of any bucket fails here.
it('G2b: with 16 writers on 8 keys, the ids of a key become visible in order', async () => {
  const { database, outbox } = shop;
  let running = 16;
  const watching = observe(database.executor, () => running === 0);
  const writers = Array.from({ length: 16 }, async (_, writer) => {
    const random = seededRandom(writer);
    for (let round = 0; round < 60 * PART; round += 1)
      await kyselyTransaction(database.db, {}, async (tx) => {
        const key = `key${Math.floor(random() * 8)}`;
        await outbox.append(executorOf(tx), [orderPlaced({ orderId: key })]);
        // Commits of different duration let one id overtake another.
        await executorOf(tx).query('select pg_sleep($1)', [random() * 0.004]);
      });
    running -= 1;
  });
  await Promise.all(writers);
  const { late, seen } = await watching;
  expect(late).toEqual([]);
  expect(seen.size).toBe(8);
  expect(await keysOf(shop)).toHaveLength(960 * PART);
});

it('many transactions with many keys in any order never deadlock', async () => {
  const { database, outbox } = shop;
  const writers = Array.from({ length: 16 }, async (_, writer) => {
    const random = seededRandom(100 + writer);
    for (let round = 0; round < 40 * PART; round += 1)
      // The transaction has one attempt, so a single 40P01 fails the test.
      await outbox.transaction(database.db, { attempts: 1 }, ({ emit }) => {
        for (let index = 0; index < 12; index += 1)
          emit(orderPlaced({ orderId: `key${Math.floor(random() * 20)}` }));
        return Promise.resolve();
      });
  });
  await Promise.all(writers);
  expect(await keysOf(shop)).toHaveLength(16 * 40 * 12 * PART);
});

it('a bulk emit of many keys keeps its order and takes at most 2,048 locks', async () => {
  const { database, outbox } = shop;
  // Enough to have a key in each bucket.
  const count = inject('full') ? 100_000 : 30_000;
  const events = Array.from({ length: count }, (_, index) => orderPlaced({ orderId: `k${index}` }));
  const held = await kyselyTransaction(database.db, {}, async (tx) => {
    await outbox.append(executorOf(tx), events);
    const { rows } = await executorOf(tx).query<{ locks: number }>(
      `select count(*)::int as locks from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
    );
    return rows[0]?.locks;
  });
  expect(held).toBe(2_048);
  const keys = await keysOf(shop);
  expect(keys).toHaveLength(count);
  expect(keys.findIndex((key, index) => key !== `k${index}`)).toBe(-1);
});

it('bulk emits of several statements lock all keys first and never deadlock', async () => {
  const { database, outbox } = shop;
  // Each writer needs more than one statement, and starts with the keys that the other writer ends with.
  const bulk = (first: string, second: string): Promise<unknown> =>
    outbox.transaction(database.db, { attempts: 1 }, ({ emit }) => {
      for (const orderId of [first, second])
        for (let index = 0; index < 5_000; index += 1) emit(orderPlaced({ orderId }));
      return Promise.resolve();
    });
  const rounds = inject('full') ? 3 : 1;
  for (let round = 0; round < rounds; round += 1) await Promise.all([bulk('a', 'b'), bulk('b', 'a')]);
  expect(await keysOf(shop)).toHaveLength(rounds * 20_000);
});

it('a writer that falls silent before its commit loses its locks after the idle timeout', async () => {
  const { database } = shop;
  const { createOutbox } = await import('./outbox.ts');
  const short = createOutbox([orderPlaced], { idleTimeoutMs: 100 });
  const silent = await database.acquire();
  await silent.query('begin');
  const executor: Executor = { query: (text, values) => silent.query(text, [...(values ?? [])]) as never };
  await short.append(executor, [orderPlaced({ orderId: 'a' })]);
  // Waits for the lock of key a, which only the server can release now.
  await shop.outbox.transaction(database.db, ({ emit }) =>
    Promise.resolve(emit(orderPlaced({ orderId: 'a', cents: 2 }))),
  );
  await expect(silent.query('commit')).rejects.toThrow();
  silent.release(true);
  expect(await keysOf(shop)).toEqual(['a']);
});

// Planted fault: an append of one event that takes another bucket than the general one fails here.
it('appends of one event and of several take the same lock for a key', async () => {
  const { database, outbox } = shop;
  const event = (n: number) => orderPlaced({ orderId: 'one', cents: n });
  const ways: readonly ((tx: Executor) => Promise<unknown>)[] = [
    (tx) => outbox.append(tx, [event(1)]),
    (tx) => outbox.append(tx, [event(1), event(2)]),
  ];
  const locks = `select objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and objsubid = 2`;
  const taken: string[] = [];
  for (const write of ways)
    await kyselyTransaction(database.db, {}, async (tx) => {
      await write(executorOf(tx));
      const { rows } = await executorOf(tx).query<{ objid: string }>(locks);
      taken.push(rows.map(({ objid }) => objid).join());
    });
  expect(new Set(taken).size).toBe(1);
  expect(taken[0]).toMatch(/^\d+$/);
  expect(await keysOf(shop)).toEqual(['one', 'one', 'one']);
});
