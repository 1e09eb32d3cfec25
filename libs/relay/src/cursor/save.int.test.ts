import { expect, test } from 'vitest';
import { closeAfterEach, withDatabase } from '../fixture/running.ts';
import { saveCursors } from './save-sql.ts';

/**
 * Planted fault: without the term in the update of cursors the earlier leader moves one back.
 */

closeAfterEach();

test('a leader of an earlier term moves no cursor, and learns that it was deposed', async () => {
  const { executor } = (await withDatabase()).database;
  await executor.query(`insert into converge.relay_topic (topic, partitions, term) values ('t', 1, 2)`);
  await executor.query(
    `insert into converge.relay_cursor (topic, partition, epoch, tick, id, term) values ('t', 0, 1, 0, 0, 2)`,
  );
  await executor.query('update converge.relay_source set term = 2');
  const save = (term: bigint, tick: bigint) => {
    const cursor = { topic: 't', partition: 0, epoch: 1, tick, id: '1', save: 0n, nextSave: 0n };
    return saveCursors(executor, { term, doneTick: 0n, cursors: [cursor] });
  };
  expect(await save(2n, 9n)).toBeDefined();
  expect(await save(1n, 5n)).toBeUndefined();
  const { rows } = await executor.query('select tick::int, term::int from converge.relay_cursor');
  expect(rows).toEqual([{ tick: 9, term: 2 }]);
});
