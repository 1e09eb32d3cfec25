import type { Database } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { ledgerDatabase, type LedgerDb } from '../fixture/ledger.ts';
import { haltPartition, THIS_SERVER } from './fence-sql.ts';
import { openSlice, serverVersion } from './open-slice-sql.ts';

/** Planted fault, seen to fail here: `openSlice` of several without `skip locked`. */
let database: Database<LedgerDb>;
let server: string;
beforeAll(async () => {
  ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
  await database.executor.query(`insert into converge.inbox_consumer (name) values ('stock')`);
  await database.executor.query(
    `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
     select 'stock', 'orders', partition, 0, 0 from generate_series(0, 2) as partition`,
  );
  const { rows } = await database.executor.query<{ server: string }>(`select ${THIS_SERVER} as server`);
  server = rows[0]?.server ?? '';
});
afterAll(() => database.close());

const HOUR_MS = 3_600_000;
const limits = { idleMs: HOUR_MS, lockMs: HOUR_MS, statementMs: HOUR_MS, transactionMs: HOUR_MS };
const moves = () =>
  [0, 1, 2].map((partition) => ({
    key: { consumer: 'stock', topic: 'orders', partition },
    expected: { nextOffset: 0n, fills: 0n, server },
    next: { nextOffset: 1n, fills: 0n },
    marks: [],
  }));

it('G3c: a joint slice one of whose fences is locked is refused while the lock is held, and waits for no lock', async () => {
  const [holder, joint] = [await database.acquire(), await database.acquire()];
  try {
    const { rows } = await joint.query<{ pid: number }>('select pg_backend_pid() as pid');
    const version = await serverVersion(database.executor);
    const open = () => openSlice(executorOfClient(joint), moves(), limits, version);
    await holder.query('begin');
    await holder.query('select from converge.inbox_partition where partition = 1 for update');
    await joint.query('begin');
    let answer: { readonly versions: readonly string[] | undefined } | 'none' = 'none';
    const opened = open().then((versions) => (answer = { versions }));
    // Where it waits for the lock, it ends with its session.
    opened.catch(() => undefined);
    const waits = async () =>
      (
        await database.executor.query<{ waits: boolean }>(
          'select cardinality(pg_blocking_pids($1)) > 0 as waits',
          [rows[0]?.pid],
        )
      ).rows[0]?.waits === true;
    await waitUntil(async () => answer !== 'none' || (await waits()), { what: 'an answer, or a wait' });
    expect(answer).toEqual({ versions: undefined });
    await joint.query('rollback');
    await holder.query('rollback');
    await opened;
    await joint.query('begin');
    expect(await open()).toHaveLength(3);
    await joint.query('rollback');
  } finally {
    // Both sessions end: what they hold or wait for ends with them.
    holder.release(true);
    joint.release(true);
  }
});

// Planted fault: a halt without the offset. An owner that froze halts its successor at a record that this has passed.
it('an owner halts a partition only where it is', async () => {
  const { executor } = database;
  const key = { consumer: 'stock', topic: 'orders', partition: 2 };
  const halt = (expected: bigint) => haltPartition(executor, key, expected, { code: 'gap', reason: 'r' }, 1n);
  expect([await halt(1n), await halt(0n), await halt(0n)]).toEqual([false, true, false]);
  const { rows } = await executor.query(
    'select partition from converge.inbox_partition where halted_offset = 1 order by partition',
  );
  expect(rows).toEqual([{ partition: 2 }]);
});
