import type { Socket } from 'node:net';
import { connect } from '@convergekit/postgres';
import type { Session } from '@convergekit/postgres/engine';
import { systemClock, systemRandom } from '@convergekit/core';
import { type FaultProxy, faultProxy, waitUntil } from '@convergekit/testing';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { createOutbox } from './outbox.ts';
import { resolveCommit } from './resolve-commit.ts';
import { keysOf, openShop, orderPlaced, ordersOf, type Shop, type ShopDb } from './fixture/shop.ts';

/** The database directly, and through a network that fails. */
let shop: Shop;
let through: Shop;
let proxy: FaultProxy;

beforeEach(async () => {
  const { url, ...opened } = await openShop(inject('stack').databaseUrl);
  shop = opened;
  proxy = await faultProxy({ target: new URL(url).host });
  const throughProxy = Object.assign(new URL(url), { host: proxy.address }).href;
  const database = connect<ShopDb>({ url: throughProxy, max: 1, applicationName: 'through' });
  // Without notifications, which are statements of the same connection.
  through = { database, outbox: createOutbox([orderPlaced], { idleTimeoutMs: 1_000, notify: false }) };
  // Commits wait here while a test holds row 1 of `gate`, as they wait for a slow standby or disk.
  await shop.database.executor.query(`
    create table gate (id int primary key); insert into gate values (1);
    create function at_commit() returns trigger language plpgsql as
      $$ begin if new.cents = 99 then perform 1 from gate for share; end if; return null; end $$;
    create constraint trigger at_commit after insert on orders deferrable initially deferred
      for each row execute function at_commit()`);
  return async () => {
    await Promise.all([shop.database.close(), through.database.close()]);
    await proxy.close();
  };
});

/** `onCommit` runs when everything is written and only COMMIT is missing. */
function place(id: string, cents: number, onCommit: () => void, requestKey?: string): Promise<string> {
  const keyed = requestKey === undefined ? {} : { requestKey, request: id };
  return through.outbox.transaction(through.database.db, keyed, async ({ tx, emit }) => {
    await tx.insertInto('orders').values({ id, cents }).execute();
    emit(orderPlaced({ orderId: id }));
    beforeCommit(onCommit);
    return id;
  });
}

/** Arms a fault when COMMIT is about to be sent, so that it affects nothing before. */
function beforeCommit(act: () => void): void {
  const { _clients: clients } = through.database.pool as unknown as {
    _clients: { query: (...args: unknown[]) => unknown }[];
  };
  for (const client of clients) {
    const query = client.query.bind(client);
    client.query = (...args) => {
      if (isCommit(args[0])) act();
      return query(...args);
    };
  }
}

/** Recognises COMMIT as a text, or as the last statement of a batch. */
function isCommit(query: unknown): boolean {
  return (
    query === 'commit' ||
    (typeof query === 'object' && query !== null && 'text' in query && query.text === 'commit')
  );
}

it('G1a: a commit that was applied but whose answer was lost is reported as success', async () => {
  const placing = place('a', 1, () => proxy.dropReplies());
  await waitUntil(async () => (await ordersOf(shop)).length === 1, { what: 'the commit to be applied' });
  proxy.cut();
  proxy.restore();
  expect(await placing).toBe('a');
  expect(await keysOf(shop)).toEqual(['a']);
});

it('G1a: a commit that did not reach the server is reported as not applied', async () => {
  const cut = Promise.withResolvers<undefined>();
  const placing = place('a', 1, () => {
    proxy.cut();
    cut.resolve(undefined);
  });
  const outcome = placing.catch((error: unknown) => error);
  await cut.promise;
  await waitUntil(
    async () => {
      const { rowCount } = await shop.database.executor.query(
        `select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
      );
      return rowCount === 0;
    },
    { what: 'the server to end the transaction' },
  );
  proxy.restore();
  expect(await outcome).toMatchObject({
    code: 'COMMIT_NOT_APPLIED',
    certainty: 'not_applied',
    category: 'network',
  });
  expect(await ordersOf(shop)).toEqual([]);
  expect(await keysOf(shop)).toEqual([]);
});

it('the outcome of a COMMIT that still waits in the server is awaited', async () => {
  const gate = await shop.database.acquire();
  await gate.query('begin; select * from gate for update');
  let settled = false;
  const placing = place('a', 99, () => proxy.dropReplies()).finally(() => (settled = true));
  const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query = 'commit'`;
  await waitUntil(async () => (await shop.database.executor.query(waits)).rowCount === 1, {
    what: 'COMMIT to wait',
  });
  proxy.cut();
  proxy.restore();
  // The look-up uses a separate connection, which shows that it ran at least once: its first run ends with COMMIT, those
  // after it are one statement each. It must not accept "no row".
  const asked = `select 1 from pg_stat_activity where datname = current_database() and application_name = 'through' and state = 'idle'
    and (query = 'commit' or query like '%pg_xact_status%')`;
  await waitUntil(async () => (await shop.database.executor.query(asked)).rowCount === 1, {
    what: 'the look-up',
  });
  expect(await ordersOf(shop)).toEqual([]);
  expect(settled).toBe(false);
  await gate.query('rollback');
  gate.release();
  expect(await placing).toBe('a');
  expect(await keysOf(shop)).toEqual(['a']);
});

it('a request key makes a repeat safe after any outcome', async () => {
  const placing = place('a', 1, () => proxy.dropReplies(), 'key');
  await waitUntil(async () => (await ordersOf(shop)).length === 1, { what: 'the commit to be applied' });
  proxy.cut();
  proxy.restore();
  expect(await placing).toBe('a');
  expect(await place('a', 1, () => undefined, 'key')).toBe('a');
  expect(await keysOf(shop)).toEqual(['a']);
});

it('G1a: a lost COMMIT of a request without events is looked up by the row of its key', async () => {
  const keyed = { requestKey: 'key', request: 'a' };
  const placing = through.outbox.transaction(through.database.db, keyed, async ({ tx }) => {
    await tx.insertInto('orders').values({ id: 'a', cents: 1 }).execute();
    beforeCommit(() => proxy.dropReplies());
    return 'a';
  });
  await waitUntil(async () => (await ordersOf(shop)).length === 1, { what: 'the commit to be applied' });
  proxy.cut();
  proxy.restore();
  expect(await placing).toBe('a');
});

describe('a COMMIT that is sent together with its events', () => {
  /** Sends events with COMMIT: the session is known from the second transaction of a connection on. */
  async function warm(): Promise<void> {
    for (const id of ['warm1', 'warm2']) await place(id, 1, () => undefined);
  }

  it('an applied COMMIT that was sent with its events is reported as success without its answer', async () => {
    await warm();
    const placing = place('a', 1, () => proxy.dropReplies());
    await waitUntil(async () => (await ordersOf(shop)).includes('a'), { what: 'the commit to be applied' });
    proxy.cut();
    proxy.restore();
    expect(await placing).toBe('a');
    expect(await keysOf(shop)).toEqual(['warm1', 'warm2', 'a']);
  });

  it('a session that still waits for its client is ended, so that no late message is applied', async () => {
    const silent = await shop.database.acquire();
    const { rows } = await silent.query<Session>(
      `select pid, extract(epoch from backend_start)::text as "startedAt" from pg_stat_activity where pid = pg_backend_pid()`,
    );
    await silent.query(`begin; insert into orders values ('a', 1)`);
    const outcome = await resolveCommit(
      shop.database.executor,
      { by: rows[0]!, proof: { text: 'select 1 from orders where id = $1', values: ['a'] } },
      { clock: systemClock, random: systemRandom, deadlineMs: 20_000 },
    );
    expect(outcome).toBe('aborted');
    await expect(silent.query('commit')).rejects.toThrow();
    silent.release(true);
  });

  it('events that the database refuses reject with its own error, leave no row, and the connection stays usable', async () => {
    await warm();
    await shop.database.executor.query(
      `alter table converge.outbox add constraint refused check (key <> 'refused')`,
    );
    await expect(place('refused', 1, () => undefined)).rejects.toMatchObject({ code: '23514' });
    await place('b', 1, () => undefined);
    expect(await ordersOf(shop)).toEqual(['b', 'warm1', 'warm2']);
    expect(await keysOf(shop)).toEqual(['warm1', 'warm2', 'b']);
  });

  /** Counts the writes to the server from now on. */
  async function countSent(): Promise<() => number> {
    const client = await through.database.acquire();
    let sent = 0;
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    Object.assign(stream, { write: (...args: unknown[]) => ((sent += 1), write(...args)) });
    client.release();
    return () => {
      const counted = sent;
      sent = 0;
      return counted;
    };
  }

  it('a transaction with events needs as many round trips as one without', async () => {
    await warm();
    const sent = await countSent();
    await place('a', 1, () => undefined);
    // [BEGIN, the order], [the event, COMMIT]: one write each.
    expect(sent()).toBe(2);
  });

  // Planted fault: with a floor of any age the second event is sent with COMMIT.
  it('without an id of the last ten seconds to start the look-up from, events are sent before COMMIT', async () => {
    let later = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + later };
    through = { ...through, outbox: createOutbox([orderPlaced], { clock, notify: false }) };
    await warm();
    const sent = await countSent();
    await place('a', 1, () => undefined);
    expect(sent()).toBe(2);
    later = 3_600_000;
    await place('b', 1, () => undefined);
    expect(sent()).toBeGreaterThan(2);
    await place('c', 1, () => undefined);
    expect(sent()).toBe(2);
    expect(await keysOf(shop)).toEqual(['warm1', 'warm2', 'a', 'b', 'c']);
  });
});
