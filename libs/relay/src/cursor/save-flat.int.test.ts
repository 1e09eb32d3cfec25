import { executorOfClient } from '@convergekit/postgres/engine';
import { expect, test } from 'vitest';
import { serverOf } from '../fixture/server-of.ts';
import { blocks, planOf, scansOf } from '../fixture/plans.ts';
import { closeAfterEach, onClose, withDatabase } from '../fixture/running.ts';
import { nextSave, type SavedCursor, saveCursors, saveSql } from './save-sql.ts';

/**
 * Planted faults, each seen to fail here: without `save` in the look-up of a cursor a save reads 1,919 pages instead of 84;
 * without the place of the source's row the scan for it reads more pages with every save.
 */

closeAfterEach();

const PARTITIONS = 12;

test('G1g: saving positions looks at no more pages after a thousand saves under a held snapshot than after a hundred', async () => {
  const { database } = await withDatabase();
  const executor = executorOfClient(await held(database));
  const query = (text: string, values?: readonly unknown[]) => executor.query(text, values);
  await query(`insert into converge.relay_topic (topic, partitions, term) values ('t', ${PARTITIONS}, 0)`);
  await query(
    `insert into converge.relay_cursor (topic, partition, epoch, tick, id, term)
     select 't', partition, 1, 0, 0, 0 from generate_series(0, ${PARTITIONS - 1}) partition`,
  );
  const holder = await held(database);
  await holder.query('begin isolation level repeatable read');
  await holder.query('select from converge.source');
  const server = await serverOf(executor);
  let save = 0n;
  let sourceAt: string | undefined;
  let count = 0n;
  const saves = async (until: bigint): Promise<{ readonly all: number; readonly source: number }> => {
    for (; count < until;) {
      count += 1n;
      const next = nextSave(save, count);
      const cursors = Array.from({ length: PARTITIONS }, (_, partition): SavedCursor => {
        return { topic: 't', partition, epoch: 1, tick: count, id: 1n, save, nextSave: next };
      });
      sourceAt = await saveCursors(database.executor, {
        term: 0n,
        server,
        doneTick: count,
        cursors,
        sourceAt,
      });
      expect(sourceAt).toBeDefined();
      save = next;
    }
    const each = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const all = (value: unknown) => each.map(() => value);
    const lists = [all('t'), each, all(1), all('9'), all('9'), all(save.toString()), all(save.toString())];
    await query('begin');
    const plan = await planOf({ executor }, saveSql, ['0', ...lists, '9', sourceAt, server]);
    await query('rollback');
    const [source] = scansOf(plan, 'relay_source').map(blocks);
    return { all: blocks(plan), source: source ?? 0 };
  };
  const early = await saves(100n);
  // The count is as far from the last change of `save` as before.
  const late = await saves(1_028n);
  process.stderr.write(
    `pages of one save: ${early.all} after 100, ${late.all} after 1,028 under a held snapshot\n`,
  );
  expect(late.all).toBeLessThan(early.all * 1.5);
  // The row of the source is measured alone: among a dozen rows its share would not be seen.
  expect(early.source).toBeGreaterThan(0);
  expect(late.source).toBeLessThanOrEqual(early.source);
});

async function held(database: { acquire(): Promise<Client> }): Promise<Client> {
  const client = await database.acquire();
  onClose(() => Promise.resolve(client.release(true)));
  return client;
}
type Client = Awaited<ReturnType<Awaited<ReturnType<typeof withDatabase>>['database']['acquire']>>;
