import { WITHOUT_TRIGGERS } from '../../../testing/src/fixture/any-table.ts';
import { outboxMigrations } from '@convergekit/outbox';
import { inboxMigrations } from '@convergekit/inbox';
import type { Database, Executor } from '@convergekit/postgres';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { readInstance } from '../observe/instance-sql.ts';
import { dueRuns, sweepRuns } from '../retention/sweep-sql.ts';
import { findOrphans } from '../verify/orphans-sql.ts';
import { verifySagas } from '../verify/verify-journal.ts';
import { readEventWork } from './event-work-sql.ts';
import { readEndedWork, readSagaRecords } from './records-sql.ts';
import { readWork } from '@convergekit/saga/operate';
import { sagaMigrations } from '@convergekit/saga';
import { migratedDatabase } from '@convergekit/testing/engine';
import { lockStep, openWorkOf } from './step-sql.ts';

const ROWS = 100_000;
let database: Database;

beforeAll(async () => {
  ({ database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'lookups' },
  ));
  const each = `from generate_series(1, ${ROWS}) n`;
  const at = `timestamptz '2026-01-01 00:00Z' + n * interval '1 minute'`;
  const saga = `case when n % 3 = 0 then 'a' else 'b' end, 'i' || n`;
  for (const text of [
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, created_at, changed_at, journal)
     select ${saga}, 'pay', 1, 'payments', 'k' || n, 'undone', 'e', ${at}, ${at} + interval '1 second', array[
       '{"at":"2026-01-01T00:00:00Z","version":1,"op":"compensate","trigger":"undo","from":"absent","to":"tombstoned","act":"emit_undone","cause":"e","work":{"at":"2026-01-01T00:00:00Z","story":[]}}'] ${each} where ${WITHOUT_TRIGGERS}`,
    `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, saga, instance, step, op)
     select gen_random_uuid(), 'payments', 'h', 'e', 'k', 'k', '{}', '{"eventId":"e"}', ${saga}, 'pay', 'apply' ${each}`,
    `insert into converge.saga_instance (saga, instance, version, key, state, facts, first_at)
     select ${saga}, 1, 'k', 'running', '{"steps":{}}', clock_timestamp() ${each}`,
    `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, state, outcome, created_at, ended_at)
     select gen_random_uuid(), 'payments', 'h', 'e', 'k', 'k', '{}', '{"eventId":"e"}', 'done', '{}', ${at}, ${at} ${each}`,
    'vacuum analyze',
  ])
    await database.executor.query(text);
});
afterAll(() => database.close());

interface Node {
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Node[];
}
interface Explained {
  readonly 'QUERY PLAN': readonly { readonly Plan: Node }[];
}

function rowsOf(node: Node): number {
  const own = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
  return (node.Plans ?? []).reduce((sum, one) => sum + rowsOf(one), own);
}

/** Runs each statement, and gives the pages that it touched and the rows that its plan visited. */
function counting(executor: Executor) {
  const pages: number[] = [];
  const visited: number[] = [];
  return {
    pages,
    visited,
    executor: {
      query: async <R>(text: string, values?: readonly unknown[]) => {
        const explained = `explain (analyze, buffers, format json) ${text}`;
        const { rows } = await executor.query<Explained>(explained, values);
        for (const { Plan: plan } of rows.flatMap((row) => row['QUERY PLAN'])) {
          pages.push(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
          visited.push(rowsOf(plan));
        }
        return executor.query<R>(text, values);
      },
    },
  };
}

// Tables and indexes of the 100,000 have thousands of pages. Planted fault: a journal that is looked up by a condition that
// no index can use (`instance || '' = $1`) touches all of them.
it('the fences, journal, work and observed state of one instance among 100,000 are found by indexes', async () => {
  const { executor, pages } = counting(database.executor);
  const { fences, journal, work } = await readSagaRecords(executor, { instance: 'i77' });
  expect([fences.length, journal.length, work.length]).toEqual([1, 1, 2]);
  expect(await readInstance(executor, 'i77')).toMatchObject({ saga: 'b', instance: 'i77' });
  expect(await findOrphans([executor, executor], 'i77')).toHaveLength(2);
  const step = await lockStep(executor, { instance: 'i77', step: 'pay' });
  const [open] = await openWorkOf(executor, step!.of);
  expect((await readWork(executor, open!.id)).instance).toBe('i77');
  await expect(readWork(executor, 'no-uuid')).rejects.toMatchObject({ code: 'WORK_NOT_FOUND' });
  expect(pages.length).toBeGreaterThan(6);
  expect(Math.max(...pages)).toBeLessThan(150);
});

const days = ['2026-02-01', '2026-02-20', '2026-02-21'];
const hours = { from: days.map((day) => `${day}T00:00:00Z`), to: days.map((day) => `${day}T01:00:00Z`) };

// Planted faults: a join of the steps that were found with all steps reads each of them; one condition for both times, once there
// is more than one span.
it('the ended work that an event requested is found among 100,000 steps by the times of their begin and their end', async () => {
  const { executor, pages } = counting(database.executor);
  const hour = { from: [hours.from[0]!], to: [hours.to[0]!] };
  expect(await readEndedWork(executor, ['e'], hour)).toHaveLength(60);
  expect(await readEndedWork(executor, ['another'], hour)).toEqual([]);
  expect(await readEndedWork(executor, ['e'], hours)).toHaveLength(180);
  expect(Math.max(...pages)).toBeLessThan(500 * hours.from.length);
});

// Planted fault: without the limit within the union each page of names reads all runs behind it.
it('the journals of 100,000 instances are verified page by page, and each page by indexes', async () => {
  const { executor, pages } = counting(database.executor);
  let journals = 0;
  for await (const checked of verifySagas(executor)) {
    journals += checked.journals;
    if (journals >= 5_000) break;
  }
  expect(journals).toBe(5_000);
  // The names of a page, and its records: two statements for 500 runs.
  expect(pages.length).toBe(20);
  const ofNames = pages.filter((_, at) => at % 2 === 0);
  expect(Math.max(...ofNames)).toBeLessThan(300);
});

// Planted fault: a join of the spans with the calls, which reads all of them once there is more than one span.
it('the calls that a handler of an event requested are found among 100,000 by the time of their end', async () => {
  await database.executor.query(`delete from converge.saga_work where ended_at is null`);
  await database.executor.query('vacuum analyze converge.saga_work');
  const { executor, pages } = counting(database.executor);
  const found = await readEventWork(executor, ['e'], hours);
  expect(found.map(({ endedAt }) => endedAt?.slice(0, 10))).toEqual(expect.arrayContaining(days));
  expect(Math.max(...pages)).toBeLessThan(1_500);
});

// Planted faults: each run looks through the locked fences of all, and through the dead letters of its consumer.
it('a page of old runs is judged and swept without a look at each other run, or at what its consumer gave up', async () => {
  await database.executor.query(
    `insert into converge.parked (id, consumer, topic, state, handler, partition, record_offset, timestamp_ms, event_id, key, headers,
       category, certainty, code, failure_event)
     select gen_random_uuid(), 'payments', 'orders', 'dead', 'h', 0, n, 0, 'given-up-' || n, 'k' || n, '[]',
       'bug', 'not_applied', 'BROKEN', gen_random_uuid()
       from generate_series(1, 1000) n`,
  );
  await database.executor.query('vacuum analyze converge.parked');
  const { executor, visited } = counting(database.executor);
  const runs = Array.from({ length: 500 }, (_, n) => `i${3 * (n + 1)}`);
  const before = '2026-06-01';
  await database.executor.query(`delete from converge.saga_work`);
  const due = await dueRuns(executor, 'a', runs, before);
  expect(due).toHaveLength(500);
  await sweepRuns(executor, 'a', due, before);
  expect(Math.max(...visited)).toBeLessThan(20_000);
});
