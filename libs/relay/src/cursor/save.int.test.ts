import { expect, test } from 'vitest';
import { serverOf } from '../fixture/server-of.ts';
import { closeAfterEach, withDatabase } from '../fixture/running.ts';
import { saveCursors } from './save-sql.ts';

/**
 * Planted faults, each seen to fail here: without the term in the update of cursors the earlier leader moves one back; without
 * it in either update of done_tick, by the row's place or without, the earlier leader moves done_tick.
 */

closeAfterEach();

test('G2e: a leader of an earlier term moves no cursor, and learns that it was deposed', async () => {
  const { executor } = (await withDatabase()).database;
  await executor.query(`insert into converge.relay_topic (topic, partitions, term) values ('t', 1, 2)`);
  await executor.query(
    `insert into converge.relay_cursor (topic, partition, epoch, tick, id, term) values ('t', 0, 1, 0, 0, 2)`,
  );
  await executor.query('update converge.relay_source set term = 2');
  const server = await serverOf(executor);
  const save = (term: bigint, tick: bigint) => {
    const cursor = { topic: 't', partition: 0, epoch: 1, tick, id: 1n, save: 0n, nextSave: 0n };
    return saveCursors(executor, { term, server, doneTick: 0n, cursors: [cursor] });
  };
  expect(await save(2n, 9n)).toBeDefined();
  expect(await save(1n, 5n)).toBeUndefined();
  const { rows } = await executor.query('select tick::int, term::int from converge.relay_cursor');
  expect(rows).toEqual([{ tick: 9, term: 2 }]);
});

test('a leader of an earlier term does not move done_tick, whether or not it knows the place of the row', async () => {
  const { executor } = (await withDatabase()).database;
  await executor.query('update converge.relay_source set term = 2');
  const server = await serverOf(executor);
  const save = (term: bigint, doneTick: bigint, sourceAt?: string) =>
    saveCursors(executor, { term, server, doneTick, cursors: [], sourceAt });
  const sourceAt = await save(2n, 7n);
  expect(sourceAt).toBeDefined();
  expect(await save(1n, 9n, sourceAt)).toBeUndefined();
  expect(await save(1n, 9n)).toBeUndefined();
  const { rows } = await executor.query('select done_tick::int as done from converge.relay_source');
  expect(rows).toEqual([{ done: 7 }]);
});

test('G3k: a leader whose database is on another server moves neither a cursor nor done_tick', async () => {
  const { executor } = (await withDatabase()).database;
  await executor.query(`insert into converge.relay_topic (topic, partitions, term) values ('t', 1, 2)`);
  await executor.query(
    `insert into converge.relay_cursor (topic, partition, epoch, tick, id, term) values ('t', 0, 1, 0, 0, 2)`,
  );
  await executor.query('update converge.relay_source set term = 2');
  const cursors = [{ topic: 't', partition: 0, epoch: 1, tick: 9n, id: 1n, save: 0n, nextSave: 0n }];
  expect(await saveCursors(executor, { term: 2n, server: '1', doneTick: 9n, cursors })).toBeUndefined();
  expect(await saveCursors(executor, { term: 2n, server: '1', doneTick: 9n, cursors: [] })).toBeUndefined();
  const { rows } = await executor.query(
    'select c.tick::int, s.done_tick::int as done from converge.relay_cursor c, converge.relay_source s',
  );
  expect(rows).toEqual([{ tick: 0, done: 0 }]);
});
