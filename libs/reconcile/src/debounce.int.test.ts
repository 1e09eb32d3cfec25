import { seededRandom } from '@convergekit/core';
import { connect, type Database } from '@convergekit/postgres';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { claimKeys, enqueueKeys, finishKey } from './key-queue.ts';
import { decideFinish } from './decide.ts';
import { stockReconciler } from './fixture/stock.ts';
import { reconcileMigrations } from './migrations.ts';

/**
 * A database whose clock is a setting: `clock_timestamp()` is found before that of the server, so that ten seconds pass
 * exactly, however slow the machine is.
 */
let database: Database;
beforeEach(async () => {
  const { url, database: owner } = await migratedDatabase(
    inject('stack').databaseUrl,
    [reconcileMigrations],
    { prefix: 'debounce' },
  );
  await owner.executor.query('create schema virtual');
  await owner.executor.query(
    `create function virtual.clock_timestamp() returns timestamptz language sql stable as $$ select current_setting('virtual.now')::timestamptz $$`,
  );
  await owner.close();
  database = connect({ url, max: 1 });
});
afterEach(() => database.close());

const CHANGES = inject('full') ? 1_000 : 300;
const reconciler = stockReconciler({ timing: { settleMs: 0, quietMs: 500, maxWaitMs: 5_000 } });

/** Runs a statement of the kit by the virtual clock. */
async function virtually<T>(
  run: (executor: { query: Database['executor']['query'] }) => Promise<T>,
): Promise<T> {
  const client = await database.acquire();
  try {
    await client.query(`set search_path = virtual, pg_catalog, public; set virtual.now = '2026-01-01'`);
    return await run({
      query: async (text: string, values?: unknown[]) => {
        const { rows, rowCount } = await client.query(text, values);
        return { rows, rowCount: rowCount ?? 0 };
      },
    });
  } finally {
    client.release();
  }
}

// Seen to fail without the longest wait (one run, after the last change: the key is wrong for ten seconds), and without the
// quiet period (a run for each change).
it(`S43, G7e: ${CHANGES} changes of a key in ten seconds cause three runs at most, and the last is seen`, async () => {
  const random = seededRandom(1);
  const times = Array.from({ length: CHANGES }, () => Math.floor(random() * 10_000)).toSorted(
    (a, b) => a - b,
  );
  const { quietMs, maxWaitMs } = reconciler.timing;
  const runs: { at: number; seen: number }[] = [];
  await virtually(async (executor) => {
    let changes = 0;
    const claimAt = async (at: number): Promise<void> => {
      await executor.query(
        `select set_config('virtual.now', (timestamptz '2026-01-01' + $1 * interval '1 millisecond')::text, false)`,
        [at],
      );
      const request = { reconciler: 'stock', holder: 'one', limit: 1, leaseMs: 60_000 };
      for (const claim of await claimKeys(executor, request)) {
        runs.push({ at, seen: changes });
        await finishKey(executor, claim, decideFinish({ kind: 'in_sync' }, claim, reconciler, random));
      }
    };
    for (const at of times) {
      await claimAt(at);
      changes += 1;
      const keys = ['a'];
      await enqueueKeys(executor, {
        reconciler: 'stock',
        keys,
        priority: 'event',
        cause: 'x',
        quietMs,
        maxWaitMs,
      });
    }
    for (let at = 10_000; at <= 16_000; at += 100) await claimAt(at);
  });
  expect(runs.length).toBeLessThanOrEqual(Math.ceil(10_000 / maxWaitMs) + 1);
  expect(runs[0]?.at).toBeLessThanOrEqual(2 * maxWaitMs);
  expect(runs.at(-1)?.seen).toBe(CHANGES);
});
