import { migratedDatabase } from '@convergekit/testing/engine';
import { beforeEach, expect, inject, it } from 'vitest';
import type { Database } from './connect.ts';
import { LeasedTable } from './leased-table.ts';
import { withTransaction } from './transaction.ts';

const queue = new LeasedTable({
  table: 'job',
  key: { kind: 'text', id: 'int' },
  fence: { term: 'bigint' },
  lease: 'leased_until',
  renewable: 'not paused',
});
const due = `kind = $1 and leased_until <= clock_timestamp()`;
const claimSql = queue.claim(
  queue.pick(due, 'order by id limit $2'),
  '$3',
  'term = one.term + 1',
  'one.kind, one.id, one.term',
);

interface Job {
  readonly kind: string;
  readonly id: number;
  readonly term: string;
}

let database: Database;

beforeEach(async () => {
  ({ database } = await migratedDatabase(inject('stack').databaseUrl, [], { max: 4 }));
  await database.executor.query(
    `create table job (kind text, id int, term bigint not null default 0, paused bool not null default false,
       leased_until timestamptz not null default '-infinity', primary key (kind, id))`,
  );
  await database.executor.query(
    `insert into job select kind, id from unnest('{a,b}'::text[]) kind, generate_series(1, 4) id`,
  );
  return () => database.close();
});

const claim = async (limit: number, leaseMs = 60_000): Promise<readonly Job[]> =>
  (await database.executor.query<Job>(claimSql, ['a', limit, leaseMs])).rows.toSorted((a, b) => a.id - b.id);
const idsOf = (rows: readonly { readonly id: unknown }[]) => rows.map(({ id }) => id).toSorted();
const expire = () =>
  database.executor.query(`update job set leased_until = clock_timestamp() - interval '1 ms'`);

it('a claim takes due rows in their order, passes over locked ones, and raises their term', async () => {
  await withTransaction(database, {}, async (tx) => {
    await tx.query(`select from job where kind = 'a' and id = 1 for update`);
    expect(await claim(2)).toEqual([
      { kind: 'a', id: 2, term: '1' },
      { kind: 'a', id: 3, term: '1' },
    ]);
  });
  expect(idsOf(await claim(10))).toEqual([1, 4]);
  expect(await claim(10)).toEqual([]);
});

// Seen to fail without the join by term, without the condition, and with a plain lock (it waits for ever).
it('a renewal extends the leases that are still held, at once: not those that were claimed again, locked or paused', async () => {
  const first = await claim(4, 0);
  expect(idsOf(await claim(1))).toEqual([1]);
  await database.executor.query('update job set paused = true where id = 2');
  await withTransaction(database, {}, async (tx) => {
    await tx.query('select from job where id = 3 for update');
    expect(await queue.renew(database.executor, first, 60_000)).toEqual([{ kind: 'a', id: 4 }]);
  });
  expect(idsOf(await queue.renew(database.executor, first, 60_000))).toEqual([3, 4]);
});

it('statements of a former holder change nothing once a row was claimed again', async () => {
  const [former] = await claim(1);
  await expire();
  const [holder] = await claim(1);
  const change = async (job: Job): Promise<number> => {
    const text = `update job as one set paused = true where ${queue.mine}`;
    return (await database.executor.query(text, queue.values(job))).rowCount;
  };
  expect([await queue.lock(database.executor, former!), await change(former!)]).toEqual([false, 0]);
  expect([await queue.lock(database.executor, holder!), await change(holder!)]).toEqual([true, 1]);
  const removal = queue.remove(queue.pickHeld('paused'));
  const { rows } = await database.executor.query(removal, queue.valuesOf([former!, holder!]));
  expect(rows).toEqual([{ kind: 'a', id: 1 }]);
});
