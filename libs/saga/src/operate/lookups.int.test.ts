import { outboxMigrations } from '@converge/outbox';
import { inboxMigrations } from '@converge/inbox';
import { connect, type Database, type Executor, migrate } from '@converge/postgres';
import { freshDatabase } from '@converge/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { findOrphans, readChapter, readInstance, sagaMigrations } from '../index.ts';
import { readWork } from './operate-sql.ts';
import { lockStep, openWorkOf } from './step-sql.ts';

const ROWS = 100_000;
let database: Database;

beforeAll(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl, 'lookups') });
  await migrate(database, [outboxMigrations, inboxMigrations, sagaMigrations]);
  const each = `from generate_series(1, ${ROWS}) n`;
  const saga = `case when n % 3 = 0 then 'a' else 'b' end, 'i' || n`;
  for (const text of [
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event)
     select ${saga}, 'pay', 1, 'payments', 'k' || n, 'undone', 'e' ${each}`,
    `insert into converge.saga_step (saga, instance, step, seq, version, op, trigger, state_from, state_to, act, cause_event)
     select ${saga}, 'pay', 1, 1, 'compensate', 'undo', 'absent', 'tombstoned', 'emit_undone', 'e' ${each}`,
    `insert into converge.saga_work (id, consumer, handler, effect, key, idempotency_key, input, cause, saga, instance, step, op)
     select gen_random_uuid(), 'payments', 'h', 'e', 'k', 'k', '{}', '{"eventId":"e"}', ${saga}, 'pay', 'apply' ${each}`,
    `insert into converge.saga_instance (saga, instance, version, key, state, facts, first_at)
     select ${saga}, 1, 'k', 'running', '{"steps":{}}', clock_timestamp() ${each}`,
    `insert into converge.saga_work (id, consumer, handler, effect, key, idempotency_key, input, cause)
     select gen_random_uuid(), 'payments', 'h', 'e', 'k', 'k', '{}', '{"eventId":"e"}' ${each}`,
    'analyze',
  ])
    await database.executor.query(text);
});
afterAll(() => database.close());

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
}

function scansOf(plan: Plan): readonly string[] {
  const own = plan['Node Type'] === 'Seq Scan' ? [plan['Relation Name'] ?? '?'] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(scansOf)];
}

/** Has each statement explained before it runs; gives the tables that were read as a whole. */
function explaining(executor: Executor): { readonly executor: Executor; readonly scans: string[] } {
  const scans: string[] = [];
  return {
    scans,
    executor: {
      query: async <R>(text: string, values?: readonly unknown[]) => {
        const { rows } = await executor.query<{ 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(
          `explain (format json) ${text}`,
          values,
        );
        scans.push(...rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan: plan }) => scansOf(plan))));
        return executor.query<R>(text, values);
      },
    },
  };
}

// Planted fault: `where instance = $1` alone reads all of the journal, since its key begins with the saga's name.
it('an instance among 100,000 is found by indexes: its fences, its journal, its work, what an observer knows', async () => {
  const { executor, scans } = explaining(database.executor);
  const { fences, journal, work } = await readChapter(executor, { instance: 'i77' });
  expect([fences.length, journal.length, work.length]).toEqual([1, 1, 1]);
  expect(await readInstance(executor, 'i77')).toMatchObject({ saga: 'b', instance: 'i77' });
  expect(await findOrphans([executor, executor], 'i77')).toHaveLength(2);
  const step = await lockStep(executor, { instance: 'i77', step: 'pay' });
  const [open] = await openWorkOf(executor, step!.of);
  expect((await readWork(executor, open!.id)).instance).toBe('i77');
  await expect(readWork(executor, 'no-uuid')).rejects.toMatchObject({ code: 'WORK_NOT_FOUND' });
  expect(scans).toEqual([]);
});
