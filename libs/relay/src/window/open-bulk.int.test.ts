import type { Database } from '@convergekit/postgres';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { blocks, planOf, tickAt } from '../fixture/plans.ts';
import { relayDatabase } from '../fixture/set-up.ts';
import { indexedSql, pruneFrom } from './read-sql.ts';
import { parseSnapshot } from './tick.ts';
import { survey } from '../watch/survey-sql.ts';
import { lowestSql, pollSql } from './window-sql.ts';

/**
 * Planted faults, each seen to fail here (pages read; a read has 100 at most):
 * - without the cut of the poll's range at running xids 524, and the survey counts what is open;
 * - with the running xids left in the poll's `xip` 524; the same in the read by number 518 and 521;
 * - without the bisection for the lowest id, a walk over the ticks, 1,797;
 * - without `pruneFrom` 588: the planner takes the primary key from the lowest id on, and reads it all as well.
 */

const PUBLISHED = 5_000;
const OPEN = 30_000;
/** Pages that a read may look at. All that is open is on more than 500. */
const FEW = 100;

let database: Database;
let bulk: Awaited<ReturnType<Database['acquire']>>;
const at = { before: '', during: '', after: '' };

const insertSql = `insert into converge.outbox (event_id, topic, key, type, headers, payload)
  select gen_random_uuid(), 't', 'k' || i, 'test.event', '{}', repeat('x', 40) from generate_series(1, $1::int) i`;

async function snapshotNow(): Promise<string> {
  const { rows } = await database.executor.query<{ snapshot: string }>(
    'select pg_current_snapshot()::text as snapshot',
  );
  return rows[0]?.snapshot ?? '';
}

beforeAll(async () => {
  ({ database } = await relayDatabase(inject('stack').databaseUrl));
  await database.executor.query(insertSql, [PUBLISHED]);
  await database.executor.query('analyze converge.outbox');
  at.before = await snapshotNow();
  bulk = await database.acquire();
  await bulk.query('begin');
  await bulk.query(insertSql, [OPEN]);
  // Later transactions that end: else the open one would be above xmax.
  await database.executor.query(insertSql, [1]);
  at.during = await snapshotNow();
  await database.executor.query(insertSql, [1]);
  at.after = await snapshotNow();
});
afterAll(async () => {
  await bulk.query('rollback');
  bulk.release();
  await database.close();
});

describe('with a transaction open that has written 30,000 events', () => {
  test.each([
    ['began after the previous tick', 'before', 2],
    ['ran at the previous tick', 'during', 1],
  ] as const)('G1g: a poll reads no row of an open bulk transaction when it %s', async (_, since, found) => {
    const { xmax, xip } = parseSnapshot(at[since]);
    const lowest = pruneFrom(BigInt(PUBLISHED)).toString();
    const tick = [9, xmax.toString(), xip, lowest, 500, '0', '00000000000000aa', 1, 'relay', '1'];
    const values = [...tick, false, 4_000_000];
    const plan = await planOf(database, pollSql, values);
    expect(blocks(plan)).toBeLessThan(FEW);
    const { rows } = await database.executor.query<{ head: string | null }>(pollSql, values);
    expect(JSON.parse(rows[0]?.head ?? '')).toMatchObject({ found });
  });

  test.each([
    ['began after the previous tick', 'before', 2],
    ['ran at the previous tick', 'during', 1],
  ] as const)(
    'G1g: a window read by number reads no row of an open bulk transaction when it %s',
    async (_, since, found) => {
      const [previous, tick] = [tickAt(at[since], 0), tickAt(at.after, PUBLISHED + 2 * OPEN)];
      const part = { xidBelow: tick.snapshot.xmax, idTo: tick.ceil };
      const sql = indexedSql({ previous, tick, lowest: BigInt(PUBLISHED) }, 4_000, part);
      const plan = await planOf(database, sql, []);
      expect(blocks(plan)).toBeLessThan(FEW);
      expect((await database.executor.query(sql)).rows).toHaveLength(found);
    },
  );

  test('a survey counts what waits without the rows of an open bulk load', async () => {
    const { backlog } = await survey(database.executor, { lease: 'relay', now: () => 0 });
    expect(backlog).toBe(PUBLISHED + 2);
  });

  test('the start of reads is found by a few look-ups, however many ticks were made since a bulk load began', async () => {
    await database.executor.query(
      `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
       select n, '3:3:', (1000000 + n)::text::xid8, n, n, '0000000000000000', 1, 1 from generate_series(1, 100000) n`,
    );
    await database.executor.query('analyze converge.tick');
    // The first call in a session also reads the catalog, for the function's own statements.
    const { rows } = await database.executor.query<{ floor: string }>(lowestSql, ['100000', '1001000']);
    expect(rows).toEqual([{ floor: '1000' }]);
    const plan = await planOf(database, lowestSql, ['100000', '1001000']);
    expect(blocks(plan)).toBeLessThan(FEW);
  });
});
