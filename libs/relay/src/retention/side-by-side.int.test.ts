import { seededRandom } from '@convergekit/core';
import { ensureChildren } from '@convergekit/outbox/engine';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, inject, test } from 'vitest';
import { readLog } from '../fixture/log-check.ts';
import { emit, emitSome, names, ownServer, setUp, startAt, untilGone } from '../fixture/retention.ts';
import { closeAfterEach, onClose } from '../fixture/running.ts';
import { untilDrained } from '../fixture/set-up.ts';
import { writeMixed } from '../fixture/writers.ts';

/**
 * Code that was removed once, and a test here failed: FINALIZE of a child whose detach was broken off. It stays pending for ever.
 */

ownServer();
closeAfterEach();

describe('a removal of children while others use the outbox', () => {
  test('G1d: a removal that was broken off by a crash is finished by the next leader, and emits and new children work meanwhile', async () => {
    const { database, topic, start } = await setUp();
    await startAt(database, 999_999);
    const first = await start();
    const reader = await database.acquire();
    onClose(() => Promise.resolve(reader.release(true)));
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from converge.outbox');
    await emit(database, topic, 'k', 1);
    await emitSome(database, topic);
    const state = async () =>
      (
        await database.executor.query<{ state: string }>(
          `select case when i.inhdetachpending then 'pending' else 'attached' end as state
             from pg_inherits i where i.inhrelid = to_regclass('converge.outbox_0')`,
        )
      ).rows[0]?.state;
    await waitUntil(async () => (await state()) === 'pending', { what: 'a detach that is broken off' });
    await first.stop();
    expect(await state()).toBe('pending');
    // No relay leads. Writers, and the code that adds children ahead, do not notice.
    await emit(database, topic, 'k', 2);
    await reader.query('commit');
    expect(await ensureChildren(database.executor, { ahead: 3, attempts: 50 })).not.toEqual([]);
    await emit(database, topic, 'k', 3);
    expect(await state()).toBe('pending');
    await start();
    await untilDrained(database);
    await untilGone(database, 'outbox_0');
  });

  test('a long snapshot, as of pg_dump, reads all of its rows and delays the removal, and only that', async () => {
    const { database, broker, topic, start } = await setUp();
    await startAt(database, 999_995);
    await start();
    for (let n = 1; n <= 5; n += 1) await emit(database, topic, 'k', n);
    await untilDrained(database);
    const dump = await database.acquire();
    onClose(() => Promise.resolve(dump.release(true)));
    await dump.query('begin isolation level repeatable read read only');
    await dump.query('lock table converge.outbox, converge.outbox_0 in access share mode');
    const count = async () =>
      (await dump.query<{ n: number }>('select count(*)::int as n from converge.outbox')).rows[0]?.n;
    expect(await count()).toBe(5);
    await emitSome(database, topic);
    await waitUntil(
      async () => (await database.executor.query('select unnest(leaving) from converge.source')).rowCount,
      {
        what: 'the removal to be decided',
      },
    );
    await emitSome(database, topic);
    expect(await count()).toBe(5);
    expect(
      (await dump.query<{ n: number }>('select count(*)::int as n from converge.outbox_0')).rows[0]?.n,
    ).toBe(5);
    await dump.query('commit');
    await untilGone(database, 'outbox_0');
    expect(new Set((await readLog(broker, topic)).map(({ id }) => id)).size).toBe(5 + 12);
  });

  test('G1d, G1e: children come and go under writers and readers of every kind: no statement fails, nothing is lost or out of order', async () => {
    const [events, span] = inject('full') ? [700, 400] : [350, 200];
    const { database, broker, topic, start } = await setUp({
      upkeep: ({ executor }) => ensureChildren(executor, { span, ahead: 4 }),
      upkeepMs: 50,
      pageRows: 50,
    });
    await startAt(database, 1_999_500);
    const seen = new Set<string>();
    const service = await start();
    let writing = true;
    const readers = Array.from({ length: 3 }, async () => {
      while (writing) {
        await database.executor.query('select count(*), max(payload) from converge.outbox');
        for (const name of await names(database)) seen.add(name);
      }
    });
    // A statement of a writer that waits longer fails here.
    const bounded = {
      acquire: async () => {
        const client = await database.acquire();
        await client.query(`set lock_timeout = '5s'`);
        return client;
      },
    };
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        writeMixed({ database: bounded, random: seededRandom(40 + index), topic, events, bulk: 60 }),
      ),
    ).finally(() => (writing = false));
    await Promise.all(readers);
    await untilDrained(database);
    expect(service.status().state).toBe('leading');
    await waitUntil(async () => !(await names(database)).includes('outbox_1000000'), {
      what: 'old children to go',
    });
    expect(seen.size).toBeGreaterThan(8);
    expect((await names(database)).length).toBeLessThan(seen.size);
    const next = new Map<string, number>();
    const log = await readLog(broker, topic);
    for (const { key, n } of log) {
      expect(n).toBe((next.get(key) ?? 0) + 1);
      next.set(key, n);
    }
    const { rows } = await database.executor.query<{ key: string; n: number }>(
      'select key, n from ledger where n > 0',
    );
    expect(next).toEqual(new Map(rows.map(({ key, n }) => [key, n])));
  });
});

// Seen to fail without the way by the owner's function: DETACH CONCURRENTLY fails at each round with 25006.
test('G1h, N9: a finished child is removed where transactions are read-only by default', async () => {
  const { database, topic, start } = await setUp();
  await database.executor.query(
    `do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$`,
  );
  await database.pool.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await startAt(database, 999_999);
  await start();
  for (let n = 1; n <= 3; n += 1) await emit(database, topic, 'k', n);
  await emitSome(database, topic);
  // The owner's function keeps what is younger than an hour.
  await database.executor.query(`update converge.outbox set created_at = created_at - interval '2 hours'`);
  await untilGone(database, 'outbox_0');
  expect(await names(database)).not.toContain('outbox_0');
});
