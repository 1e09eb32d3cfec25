import type { Database, Executor } from '@convergekit/postgres';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { inboxMigrations } from '../migrations.ts';
import { listParked, readOverview } from './index.ts';

const [KEYS, PARTITIONS] = [10_000, 100];

let database: Database;
beforeAll(async () => {
  ({ database } = await migratedDatabase(inject('stack').databaseUrl, [inboxMigrations], {
    prefix: 'many_parked',
  }));
  const keys = `generate_series(1, ${KEYS}) as n`;
  await database.executor.query(`
    insert into converge.inbox_consumer (name) values ('c');
    insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
      select 'c', 't', p, 0, 0 from generate_series(0, ${PARTITIONS - 1}) as p;
    insert into converge.parked_key (consumer, topic, key, partition, state, tail)
      select 'c', 't', n, n % ${PARTITIONS}, 'dead', 1 from ${keys};
    insert into converge.parked (id, consumer, topic, line, seq, state, handler, partition, record_offset, timestamp_ms, key, headers,
        category, certainty, code, failure_event, parked_at)
      select gen_random_uuid(), 'c', 't', n, 1, 'dead', 'h', n % ${PARTITIONS}, n, 0, n, '[]', 'bug', 'not_applied', 'X',
        gen_random_uuid(), clock_timestamp() - n * interval '1 s' from ${keys};
    analyze converge.inbox_partition, converge.parked_key, converge.parked`);
});
afterAll(() => database.close());

interface Explained {
  readonly 'QUERY PLAN': readonly {
    readonly Plan: { readonly 'Shared Hit Blocks': number; readonly 'Shared Read Blocks': number };
  }[];
}

/** An executor that counts the pages that its statements read. */
function countingPages() {
  let pages = 0;
  const executor: Executor = {
    query: async (text, values) => {
      const { rows } = await database.executor.query<Explained>(
        `explain (analyze, buffers, format json) ${text}`,
        values,
      );
      for (const { Plan } of rows.flatMap((row) => row['QUERY PLAN']))
        pages += Plan['Shared Hit Blocks'] + Plan['Shared Read Blocks'];
      return database.executor.query(text, values);
    },
  };
  return { executor, pages: () => pages };
}

async function pagesOf(table: string): Promise<number> {
  const { rows } = await database.executor.query<{ pages: number }>(
    `select (pg_relation_size('converge.${table}') / 8192)::int as pages`,
  );
  return rows[0]?.pages ?? 0;
}

// Planted fault: `state = any ($1)` for one state. All dead letters are read and sorted for each page, and each page of a retry of all.
it('a page of the dead letters of a consumer is read without the others', async () => {
  const { executor, pages } = countingPages();
  const filter = { consumer: 'c', states: ['dead'] } as const;
  const [last] = (await listParked(executor, filter, 50)).slice(-1);
  expect((await listParked(executor, filter, 50, last?.cursor)).map(({ offset }) => Number(offset))).toEqual(
    Array.from({ length: 50 }, (_, at) => KEYS - 50 - at),
  );
  expect(pages()).toBeLessThan((await pagesOf('parked')) / 2);
});

// Planted fault: without a state all rows are read and sorted for each page. Of a million it took a second, in memory.
it('a page of what is parked, of whichever consumer and state, is read without the others', async () => {
  const { executor, pages } = countingPages();
  const [first] = await listParked(executor, {}, 50);
  expect(Number(first?.offset)).toBe(KEYS);
  const beyond = await listParked(executor, { consumer: 'c', since: first!.parkedAt }, 50, first?.cursor);
  expect(Number(beyond[0]?.offset)).toBe(KEYS - 1);
  expect(await listParked(executor, { until: first!.parkedAt }, 50)).toEqual([]);
  expect(await listParked(executor, { consumer: 'other' }, 50)).toEqual([]);
  expect(pages()).toBeLessThan((await pagesOf('parked')) / 2);
});

// Planted fault: the keys are counted for each partition. With 100,000 keys and 96 partitions, each page of an operator took a second.
it('the overview of a consumer counts its parked keys once, however many partitions there are', async () => {
  const { executor, pages } = countingPages();
  const overview = await readOverview(executor, 'c');
  expect(overview.map(({ parkedKeys }) => parkedKeys)).toEqual(overview.map(() => KEYS / PARTITIONS));
  expect(overview).toHaveLength(PARTITIONS);
  const [keys, partitions] = [await pagesOf('parked_key'), await pagesOf('inbox_partition')];
  expect(pages()).toBeLessThan(4 * keys + 10 * PARTITIONS + partitions);
});
