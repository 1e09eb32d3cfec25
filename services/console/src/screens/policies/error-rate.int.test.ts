import { allMigrations } from '@convergekit/operate';
import { connect, type Database } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { readErrorRate, withAround } from './error-rate.ts';

const NOW = Date.parse('2026-05-01T12:00:00Z');
/** The 96 spans of 24 hours are quarters of an hour. */
const QUARTER_MS = 15 * 60_000;
const opened: Database[] = [];
let database: Database;

beforeAll(async () => {
  const serverUrl = inject('stack').databaseUrl;
  ({ database } = await migratedDatabase(serverUrl, allMigrations, { prefix: 'error_rate' }));
  opened.push(database);
});
afterAll(() => Promise.all(opened.map((one) => one.close())));

const quartersBefore = (quarters: number, ms = 0): Date => new Date(NOW - quarters * QUARTER_MS + ms);

async function attempted(at: Date, outcome: 'applied' | 'retry' | 'dead'): Promise<void> {
  const failed = outcome === 'applied' ? [null, null, null] : ['service', 'not_applied', 'E'];
  await database.executor.query(
    `insert into converge.inbox_attempt (id, consumer, handler, phase, topic, partition, record_offset, key, number, started_at, duration_ms,
            outcome, category, certainty, code)
     values (gen_random_uuid(), 'billing', 'h', 'apply', 'orders', 0, 1, 'k', 1, $1, 5, $2, $3, $4, $5)`,
    [at, outcome, ...failed],
  );
}

async function called(at: Date, state: 'done' | 'failed', attempts: number): Promise<void> {
  await database.executor.query(
    `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, state, attempts, outcome, ended_at)
     values (gen_random_uuid(), 'billing', 'h', 'e', 'k', gen_random_uuid(), '{}', '{"eventId":"e"}', $2, $3, $4, $1)`,
    [at, state, attempts, JSON.stringify({ kind: state === 'done' ? 'succeeded' : 'failed' })],
  );
}

async function stepped(at: Date, failedCalls: number): Promise<void> {
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, changed_at, failed_calls)
     values ('s', gen_random_uuid(), 'pay', 1, 'billing', 'k', 'applied', 'e', $1, $2)`,
    [at, failedCalls],
  );
}

it('each failed attempt counts once, in its span: from its first moment until before the first of the next', async () => {
  await attempted(quartersBefore(96, -1), 'retry'); // before the first span
  await attempted(quartersBefore(96), 'retry');
  await attempted(quartersBefore(2, -1), 'retry');
  await attempted(quartersBefore(2), 'dead');
  await attempted(quartersBefore(2), 'applied'); // not a failure
  await attempted(quartersBefore(0, -1), 'retry');
  await attempted(quartersBefore(0), 'retry'); // behind the last span
  await called(quartersBefore(2), 'done', 1); // succeeded at once
  await called(quartersBefore(2), 'done', 3);
  await called(quartersBefore(1), 'failed', 2);
  await called(quartersBefore(1), 'failed', 0); // an operator ended it before its first attempt
  await stepped(quartersBefore(1), 5);
  await stepped(quartersBefore(1), 0); // all its calls succeeded at once
  await stepped(quartersBefore(0), 1); // behind the last span

  const { spans, from, to } = await readErrorRate(database.executor, { now: NOW, hours: 24 });
  expect([from, to]).toEqual([quartersBefore(96), quartersBefore(0)]);
  expect(spans).toHaveLength(96);
  expect(
    Object.fromEntries(spans.map((failed, span) => [span, failed]).filter(([, failed]) => failed !== 0)),
  ).toEqual({
    0: 1,
    93: 1,
    94: 1 + 2,
    95: 1 + 2 + 1 + 5,
  });
});

// For the fault: the span of the chart that has the change counted as after it.
it('failed attempts before and after a change are counted from the change itself, in equal times', async () => {
  const at = new Date(NOW - 30 * 86_400_000 + 7 * 60_000);
  const minutesFrom = (minutes: number): Date => new Date(at.getTime() + minutes * 60_000);
  for (const minutes of [-61, -59, -3, -1]) await attempted(minutesFrom(minutes), 'retry');
  for (const minutes of [0, 2, 59, 60]) await attempted(minutesFrom(minutes), 'dead');
  const around = async (now: Date) => {
    const rate = { from: minutesFrom(-24 * 60), to: now, spanMs: QUARTER_MS, spans: [] };
    return (await withAround(database.executor, [{ changedAt: at }], rate))[0]?.around;
  };
  expect(await around(new Date(NOW))).toEqual({ before: 3, after: 3, reachMs: 60 * 60_000 });
  // Changed five minutes ago: five minutes before it are compared.
  expect(await around(minutesFrom(5))).toEqual({ before: 2, after: 2, reachMs: 5 * 60_000 });
});

it('a database without consumers and calls has empty spans', async () => {
  const empty = connect({ url: await freshDatabase(inject('stack').databaseUrl, 'error_rate_empty') });
  opened.push(empty);
  expect((await readErrorRate(empty.executor, { now: NOW, hours: 24 })).spans).toEqual(Array(96).fill(0));
});
