import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { sagaMigrations } from '@convergekit/saga';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { countInstances, type InstanceCursor, type InstanceSearch, pageInstances } from './page-sql.ts';
import { findOpenInstances, countOpenSteps } from '../operate/open-steps-sql.ts';

const ROWS = 60_000;
let database: Database;

beforeAll(async () => {
  ({ database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'sagapage' },
  ));
  for (const text of [
    // One in a thousand is stuck, one in five hundred runs; a second apart, and within it by microseconds.
    `insert into converge.saga_instance (saga, instance, version, key, state, reason, facts, first_at, ended_at, changed_at, trace_id)
     select 'order', 'i' || n, 1, 'k' || n % 20000,
            case when n % 1000 = 0 then 'stuck' when n % 1000 in (1, 2) then 'running' else 'completed' end,
            case when n % 1000 = 0 then 'ship waits for an operator: NO_TRUCK' end, '{"steps":{}}',
            timestamptz '2026-01-01' + n * interval '1 minute',
            case when n % 1000 > 2 then now() end, timestamptz '2026-03-01' + n / 100 * interval '1 second' + n % 900 * interval '1 microsecond',
            md5(n::text)
       from generate_series(1, ${ROWS}) n`,
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event)
     select 'order', 'i' || n, 'ship', 1, 'shipping', 'k', case when n % 1000 = 0 then 'stuck' else 'applied' end, 'e'
       from generate_series(1, ${ROWS}) n`,
    `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, saga, instance, step, op, attempts)
     select gen_random_uuid(), 'shipping', 'h', 'e', 'k', 'k', '{}', '{}', 'order', 'i' || n, 'ship', 'apply', n / 1000
       from generate_series(1000, ${ROWS}, 1000) n`,
    'analyze',
  ])
    await database.executor.query(text);
});
afterAll(() => database.close());

async function walk(search: Omit<InstanceSearch, 'limit' | 'after'>): Promise<readonly string[]> {
  const found: string[] = [];
  for (let after: InstanceCursor | undefined, more = true; more;) {
    const page = await pageInstances(database.executor, { ...search, after, limit: 13 });
    found.push(...page.map(({ instance }) => instance));
    after = page.at(-1)?.cursor;
    more = page.length === 13;
  }
  return found;
}

// Planted fault: a cursor of milliseconds (the `Date` of the row) skips or repeats rows of the same millisecond.
it('the pages of sagas have each one once, in the order of the states that were asked for', async () => {
  const found = await walk({ states: ['stuck', 'running'] });
  expect([found.length, new Set(found).size]).toEqual([180, 180]);
  expect(found.slice(0, 60).every((instance) => Number(instance.slice(1)) % 1_000 === 0)).toBe(true);
});

it('sagas are found by key, trace, id, reason and age in the whole history', async () => {
  const of = async (search: Partial<InstanceSearch>) =>
    (
      await pageInstances(database.executor, {
        states: ['stuck', 'running', 'completed'],
        limit: 50,
        ...search,
      })
    ).map(({ instance }) => instance);
  expect(await of({ key: 'k77' })).toEqual(['i40077', 'i20077', 'i77']);
  expect(await of({ instances: ['i77', 'i78', 'nothing'] })).toHaveLength(2);
  expect(await of({ traceId: '28dd2c7955ce926456240b2ff0100bde' })).toEqual(['i77']);
  expect(await of({ reason: 'no_truck', startedBefore: new Date('2026-01-02T12:00:00Z') })).toEqual([
    'i2000',
    'i1000',
  ]);
});

interface Explained {
  readonly 'QUERY PLAN': readonly {
    readonly Plan: { readonly 'Shared Hit Blocks': number; readonly 'Shared Read Blocks': number };
  }[];
}

// The table has some thousand pages. Planted fault: without the index on key its search reads all of them.
it('a page of sagas, and a search by key or trace, reads by an index and not the table', async () => {
  let most = 0;
  const counting = {
    query: async <R>(text: string, values?: readonly unknown[]) => {
      const { rows } = await database.executor.query<Explained>(
        `explain (analyze, buffers, format json) ${text}`,
        values,
      );
      for (const { Plan: plan } of rows.flatMap((row) => row['QUERY PLAN']))
        most = Math.max(most, plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
      return database.executor.query<R>(text, values);
    },
  };
  const states = ['stuck', 'running', 'completed'] as const;
  const [last] = (await pageInstances(counting, { states, limit: 200 })).slice(-1);
  await pageInstances(counting, { states, limit: 50, after: last?.cursor });
  await pageInstances(counting, { states, key: 'k77', limit: 50 });
  await pageInstances(counting, { states, traceId: '28dd2c7955ce926456240b2ff0100bde', limit: 50 });
  await pageInstances(counting, { states, instances: ['i77'], limit: 50 });
  expect(most).toBeLessThan(300);
});

it('sagas are counted up to a limit, and found by their open step and its attempts', async () => {
  const counts = await countInstances(database.executor, ['stuck', 'running', 'completed'], 100);
  expect([...counts].toSorted()).toEqual([
    ['completed', 100],
    ['running', 100],
    ['stuck', 60],
  ]);
  const open = (attempts?: number) =>
    findOpenInstances(database.executor, { step: 'ship', attempts, limit: 1_000 });
  expect(await open()).toHaveLength(60);
  expect(await open(50)).toHaveLength(11);
  expect(await countOpenSteps(database.executor, 1_000)).toEqual([
    { saga: 'order', version: 1, step: 'ship', state: 'stuck', count: 60 },
  ]);
});
