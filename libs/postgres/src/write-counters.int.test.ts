import { manualClock } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it } from 'vitest';
import { Counter } from './counter.ts';
import type { Executor } from './executor.ts';
import { writeCounters } from './write-counters.ts';

it('a process writes its counts once in ten seconds of work, in one statement, and none at rest; rows leave after a day', async () => {
  const { database } = await migratedDatabase(inject('stack').databaseUrl, [], { max: 2 });
  const { executor } = database;
  let statements = 0;
  const counted: Executor = {
    query: (text, values) => {
      statements += 1;
      return executor.query(text, values);
    },
  };
  await executor.query(
    `insert into converge.counter (at, part, name, process, version, seconds, done, failed, retried, drifted, repaired, took, took_ms, most_ms)
     select clock_timestamp() - h * interval '1 hour', 'relay', 'relay', gen_random_uuid(), '', 10, 1, 0, 0, 0, 0, 0, 0, 0
       from generate_series(23, 26) h`,
  );
  const [orders, stock] = [new Counter('consumer', 'orders'), new Counter('consumer', 'stock')];
  const clock = manualClock();
  const stop = new AbortController();
  const written = writeCounters({
    executor: counted,
    take: () => [orders.take({ lag: 0, oldestMs: 0 }), stock.take({ lag: 0, oldestMs: 0 })],
    clock,
    random: () => 0,
    signal: stop.signal,
    onError: (error) => expect.unreachable(String(error)),
  });
  await clock.advance(60_000);
  expect(statements).toBe(0);
  for (let second = 0; second < 60; second += 1) {
    orders.done('shop.orders', 10);
    stock.done('shop.orders', 1);
    await clock.advance(1_000);
  }
  stop.abort();
  await written;
  // A write in progress lets a period pass by: its counts are in the next row.
  expect(statements).toBeGreaterThan(0);
  expect(statements).toBeLessThanOrEqual(7);
  const { rows } = await executor.query(
    `select name, sum(done)::int as done, sum((topics ->> 'shop.orders')::int)::int as orders, count(distinct process)::int as processes
       from converge.counter where part = 'consumer' group by name order by name`,
  );
  expect(rows).toEqual([
    { name: 'orders', done: 600, orders: 600, processes: 1 },
    { name: 'stock', done: 60, orders: 60, processes: 1 },
  ]);
  const old = await executor.query(`select from converge.counter where part = 'relay'`);
  expect(old.rowCount).toBe(1);
  await database.close();
});
