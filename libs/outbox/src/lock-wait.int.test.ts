import { connect, type Database, executorOf } from '@convergekit/postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { keysOf, openShop, orderPlaced, ordersOf, type Shop } from './fixture/shop.ts';

/** Any login may hold the locks of keys: an emit must not wait for it without end. */
let shop: Shop;
let dashboards: Database;
const login = `dashboard_${process.pid}`;
beforeAll(async () => {
  const opened = await openShop(inject('stack').databaseUrl, { idleTimeoutMs: 100 });
  shop = opened;
  await shop.database.executor.query(`create role ${login} login password 'd'`);
  const url = new URL(opened.url);
  url.username = login;
  url.password = 'd';
  dashboards = connect({ url: url.href, applicationName: 'dashboard' });
});
afterAll(async () => {
  await dashboards.close();
  await shop.database.executor.query(`drop role ${login}`);
  await shop.database.close();
});

interface Refused {
  readonly error: unknown;
  readonly holder: number;
}

/** Places orders while a session of another login holds the lock of every key. */
async function placeLocked(count: number): Promise<Refused> {
  const client = await dashboards.acquire();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    await client.query('select pg_advisory_lock(1668247159, bucket) from generate_series(0, 2047) as bucket');
    const error: unknown = await shop.outbox
      .transaction(shop.database.db, async ({ tx, emit }) => {
        await tx.insertInto('orders').values({ id: 'a', cents: 1 }).execute();
        for (let n = 0; n < count; n += 1) emit(orderPlaced({ orderId: `a${n}` }));
      })
      .catch((refusal: unknown) => refusal);
    return { error, holder: rows[0]!.pid };
  } finally {
    client.release(true);
  }
}

// For the faults: appends, and the lock before several appends, without a limit of their wait, or by the wait alone.
test.each([1, 2, 5_001])(
  '%d events whose keys another login locks are refused, and the error names its session',
  async (count) => {
    const { error, holder } = await placeLocked(count);
    expect(error).toMatchObject({ code: 'OUTBOX_LOCKED', category: 'contention', certainty: 'not_applied' });
    const { message } = error as Error;
    expect(message).toContain(`session ${holder} (login ${login}, application "dashboard", since 2`);
    expect(message).toContain(`select pg_terminate_backend(${holder})`);
    expect([await ordersOf(shop), await keysOf(shop)]).toEqual([[], []]);
  },
);

// Planted fault: without the way back in either append the application waits for its own locks no longer than the append.
test.each([
  ['one event', `converge.emit('shop.orders', 'k', 'x', '{}')`],
  [
    'several events',
    `converge.outbox_append_all(array[gen_random_uuid()], '{shop.orders}', '{k}', '{x}', array['{}'], array['{}'], 100)`,
  ],
])(
  'the limit of the wait ends with the append of %s, and a limit of the session is kept',
  async (_, append) => {
    const limits: unknown[] = [];
    for (const own of ['0', '7s'])
      await shop.outbox.transaction(shop.database.db, async ({ tx }) => {
        const executor = executorOf(tx);
        await executor.query(`select set_config('lock_timeout', $1, true)`, [own]);
        await executor.query(`select ${append}`);
        limits.push((await executor.query('show lock_timeout')).rows[0]);
      });
    expect(limits).toEqual([{ lock_timeout: '0' }, { lock_timeout: '7s' }]);
  },
);
