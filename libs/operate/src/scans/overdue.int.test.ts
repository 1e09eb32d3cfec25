import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import {
  defineReconciler,
  from,
  reconcileMigrations,
  type Reconciler,
  reconcilerService,
} from '@convergekit/reconcile';
import { pauseReconciler, readStatus, resumeReconciler } from '@convergekit/reconcile/operate';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { reconcilerItems } from '../conditions/reconciler-items.ts';
import { scanSchedules } from './scan-overdue.ts';

/** A start that is later than this is overdue. */
const TOLERANCE_MS = 600_000;
let database: Database;
beforeEach(async () => {
  ({ database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, reconcileMigrations],
    { prefix: 'overdue' },
  ));
  return () => database.close();
});

const reconciler = (schedule: string | undefined): Reconciler =>
  defineReconciler('stock', {
    ...(schedule !== undefined && { schedule }),
    keys: { scan: async function* () {} },
    desired: from<unknown>('shop').read(() => Promise.resolve(null)),
    actual: from<unknown>('shop').read(() => Promise.resolve(null)),
    compare: () => null,
    repair: () => Promise.resolve(0),
  });

/** Runs a reconciler in a process of its own until its first run was completed. */
async function runFor(schedule: string | undefined) {
  const service = reconcilerService([reconciler(schedule)], { databases: { shop: database }, pollMs: 20 });
  onTestFinished(() => service.stop());
  await service.start();
  const led = async () => {
    const [status] = await readStatus(database.executor);
    return status !== undefined && (schedule === undefined || status.lastCompletedAt !== null);
  };
  await waitUntil(led, { what: 'the process to lead' });
  return service;
}

const scan = async () =>
  (await scanSchedules({ name: 'shop', executor: database.executor })).map(({ alarm, text }) => ({
    alarm,
    text,
  }));
const back = (ms: number) =>
  database.executor.query(
    `update converge.reconciler set next_start_at = clock_timestamp() - $1::float8 * interval '1 millisecond'`,
    [ms],
  );
const overdue = async () => (await readStatus(database.executor))[0]?.overdueSince ?? null;

it('G7i, C6: a schedule that no process runs is overdue after the tolerance, for the scan, the doctor and the list', async () => {
  const service = await runFor('0 0 1 1 *');
  const { rows } = await database.executor.query<{ at: Date }>(
    'select next_start_at as at from converge.reconciler',
  );
  expect(rows[0]?.at.toISOString()).toMatch(/-01-01T00:00:00.000Z$/);
  await service.stop();
  expect(await scan()).toEqual([]);
  await back(TOLERANCE_MS - 60_000);
  expect([await scan(), await overdue()]).toEqual([[], null]);
  await back(TOLERANCE_MS + 60_000);
  expect(await overdue()).toBeInstanceOf(Date);
  expect(await scan()).toEqual([
    {
      alarm: 'reconcile_overdue',
      text: expect.stringMatching(
        /^stock: the start of \S+Z was not made; the last completed run began at \S+Z; no process runs it: `converge reconcile run/,
      ) as string,
    },
  ]);
  expect(reconcilerItems(await readStatus(database.executor))).toMatchObject([
    {
      alarm: 'reconcile_overdue',
      severity: 'watch',
      next: expect.stringContaining('converge reconcile pause stock') as string,
    },
  ]);
  // A process makes the start that is due, and announces the next one.
  await database.executor.query(
    `update converge.reconciler set scheduled_until = scheduled_until - interval '1 year'`,
  );
  await runFor('0 0 1 1 *');
  await waitUntil(async () => (await scan()).length === 0, { what: 'the alarm to end' });
});

it('a reconciler that is paused, or has no schedule, is never overdue', async () => {
  await (await runFor('0 0 1 1 *')).stop();
  await back(TOLERANCE_MS + 60_000);
  await pauseReconciler(database.executor, 'stock', { by: 'alice', reason: 'removed' });
  expect([await scan(), await overdue()]).toEqual([[], null]);
  // What the pause left out is no start that is late.
  await resumeReconciler(database.executor, 'stock', { by: 'alice', reason: 'back' });
  expect([await scan(), await overdue()]).toEqual([[], null]);
  await back(TOLERANCE_MS + 60_000);
  await runFor(undefined);
  await waitUntil(async () => (await scan()).length === 0, { what: 'the start to be withdrawn' });
});

it('a run that takes long is not overdue while its process leads, and is when the process is gone', async () => {
  await (await runFor('0 0 1 1 *')).stop();
  await back(TOLERANCE_MS + 60_000);
  await database.executor.query(
    `insert into converge.reconcile_run (reconciler, cause, state, led, holder) values ('stock', 'schedule', 'running', true, 'p1')`,
  );
  await database.executor.query(
    `update converge.lease set holder = 'p1', expires_at = clock_timestamp() + interval '1 minute' where name = 'reconcile/stock'`,
  );
  expect(await scan()).toEqual([]);
  await database.executor.query(`update converge.lease set expires_at = clock_timestamp()`);
  expect(await scan()).toHaveLength(1);
  await database.executor.query(`drop table converge.reconciler cascade`);
  expect(await scan()).toEqual([]);
});
