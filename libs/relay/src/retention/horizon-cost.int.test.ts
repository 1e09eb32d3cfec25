import { outboxMigrations } from '@convergekit/outbox';
import { type Database, type Executor } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { relayMigrations } from '../migrations.ts';
import { lowestSql } from '../window/window-sql.ts';
import { readHorizon } from './retention-sql.ts';

let database: Database;
beforeAll(async () => {
  ({ database } = await migratedDatabase(inject('stack').databaseUrl, [outboxMigrations, relayMigrations], {
    prefix: 'horizon',
    max: 1,
  }));
  const { executor } = database;
  await executor.query(
    `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term, created_at)
     select n, (n + 10 || ':' || n + 10 || ':')::pg_snapshot, (n + 10)::text::xid8, n, n, '0000000000000000', 1, 1,
            now() - interval '1 day'
       from generate_series(1, 2000) as n`,
  );
  await executor.query('update converge.relay_source set done_tick = 2000');
  await executor.query(
    `insert into converge.lease (name, holder, term, expires_at) values ('relay', 'h', 1, now())`,
  );
});
afterAll(() => database.close());

const callsOf = async (executor: Executor): Promise<number> => {
  const { rows } = await executor.query<{ calls: string }>(
    `select calls from pg_stat_xact_user_functions where funcname = 'tick_last'`,
  );
  return Number(rows[0]?.calls ?? 0);
};

/** Runs statements where the planner reads tables as a whole, as it does before it has statistics. Returns the bisections. */
async function bisectionsOf(work: (executor: Executor) => Promise<unknown>): Promise<number> {
  const client = await database.acquire();
  try {
    await client.query(
      `begin; set local track_functions = 'all'; set local enable_indexscan = off; set local enable_bitmapscan = off`,
    );
    const executor = executorOfClient(client);
    // A session may not have reported the calls of its last transaction yet.
    const before = await callsOf(executor);
    await work(executor);
    const after = await callsOf(executor);
    await client.query('rollback');
    return after - before;
  } finally {
    client.release();
  }
}

/** Planted fault, seen to fail here: the parts of the statement are not materialized. */
it('the horizon of retention is found by three bisections, however many ticks there are', async () => {
  let sent: bigint | undefined;
  const bisections = await bisectionsOf(async (executor) => {
    sent = (await readHorizon(executor, { lease: 'relay', term: 1n }, 1_000))?.sent;
  });
  expect({ sent, bisections }).toEqual({ sent: 2_000n, bisections: 3 });
});

/** Planted fault, seen to fail here: the bisection is a condition of the scan, which makes one for each tick that it reads. */
it.each([
  ['the lowest id of a read', lowestSql, ['2000', '1500'], 1],
  [
    'the events since a snapshot',
    `select converge.outbox_since('1500:1500:'::pg_snapshot, 'orders', array['k'], 10)`,
    [],
    1,
  ],
  [
    'the events since a frontier, which reads the floor for itself, too,',
    `select converge.events_since('orders', array['k'], '1500:1500:'::pg_snapshot, id, epoch) from converge.source`,
    [],
    2,
  ],
] as const)('%s is found by one bisection in each function', async (_, text, values, bisections) => {
  await database.executor.query(
    `update converge.relay_source set term = 1, database_oid = (select oid from pg_database where datname = current_database())`,
  );
  expect(await bisectionsOf((executor) => executor.query(text, values))).toBe(bisections);
});
