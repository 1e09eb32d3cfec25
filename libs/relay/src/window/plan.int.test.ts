import type { Database } from '@convergekit/postgres';
import { outboxMigrations } from '@convergekit/outbox';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { blocks, keptPlanOf, type PlanNode, planOf, sequentialScans, tickAt } from '../fixture/plans.ts';
import { relayMigrations } from '../migrations.ts';
import { indexedSql, pruneFrom, walkSql } from './read-sql.ts';
import { parseSnapshot } from './tick.ts';
import { pollSql } from './window-sql.ts';

/**
 * Code that was removed once, and a test here failed:
 * - `order by xid limit` in the poll's arms: a sequential scan of the children with the backlog;
 * - xmax(k) as a bound value (taken as a subquery on converge.tick: the planner does not see it);
 * - `ceil`, the upper end of the walk: the last page of a window reads all that was written after it.
 */

/** The children have five thousand rows each: with fewer, reading one from end to end would be right. */
const CHILDREN = inject('full') ? 200 : 40;
const ROWS = 5_000 * CHILDREN;
/** The events of the first snapshot; the second lacks the last 10,000. */
const EARLY = 0.3 * ROWS;
/** A page of a large window; a scan of everything touches more. */
const MANY_BLOCKS = 0.015 * ROWS;

let database: Database;
let snapshots: { early: string; late: string; now: string };

const nowSql = `select pg_current_snapshot()::text as snapshot`;
const snapshotNow = async () =>
  (await database.executor.query<{ snapshot: string }>(nowSql)).rows[0]?.snapshot ?? '';

async function fill(from: number, to: number): Promise<void> {
  // Twenty transactions, so that xids spread as they do in life.
  for (let part = 0; part < 20; part += 1)
    await database.executor.query(
      `insert into converge.outbox (event_id, topic, key, type, headers, payload)
       select gen_random_uuid(), 't', 'k' || i % 1000, 'test.event', '{}', repeat('x', 40) from generate_series($1::int, $2::int) i`,
      [from + ((to - from) / 20) * part, from + ((to - from) / 20) * (part + 1) - 1],
    );
}

beforeAll(async () => {
  ({ database } = await migratedDatabase(inject('stack').databaseUrl, [outboxMigrations, relayMigrations], {
    prefix: 'relay_plan',
  }));
  const { rows } = await database.executor.query<{ child: string }>(
    `select inhrelid::regclass::text as child from pg_inherits where inhparent = 'converge.outbox'::regclass`,
  );
  for (const { child } of rows) await database.executor.query(`drop table ${child}`);
  const span = ROWS / CHILDREN;
  for (let at = 0; at < CHILDREN; at += 1) {
    const from = at === 0 ? 'minvalue' : String(at * span);
    const to = at === CHILDREN - 1 ? 'maxvalue' : String((at + 1) * span);
    await database.executor.query(
      `create table converge.child_${at} partition of converge.outbox for values from (${from}) to (${to})`,
    );
  }
  await fill(0, EARLY);
  const early = await snapshotNow();
  await fill(EARLY, ROWS - 10_000);
  const late = await snapshotNow();
  await fill(ROWS - 10_000, ROWS);
  snapshots = { early, late, now: await snapshotNow() };
  await database.executor.query(
    `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
     select number, snapshot, '3', 0, 0, '0000000000000000', 1, 1
       from unnest($1::pg_snapshot[]) with ordinality as at (snapshot, number)`,
    [[early, late, snapshots.now]],
  );
  await database.executor.query('analyze converge.outbox, converge.tick');
});
afterAll(async () => {
  await database.close();
});

function scanned(node: PlanNode): string[] {
  const own = node['Node Type'].includes('Scan') ? [node['Relation Name'] ?? ''] : [];
  return [...own, ...(node.Plans ?? []).flatMap(scanned)];
}

// Reads by xid begin a child of a million ids earlier; children here have five thousand.
const read = (lowest: number): bigint => BigInt(lowest + 1_000_000 - ROWS / CHILDREN);
const from = (lowest: number): string => pruneFrom(BigInt(lowest), BigInt(ROWS / CHILDREN)).toString();

const pollValues = (since: 'zero' | keyof typeof snapshots, lowest: number): unknown[] => {
  const { xmax, xip } = parseSnapshot(since === 'zero' ? '3:3:' : snapshots[since]);
  const next = ['zero', 'early', 'late', 'now'].indexOf(since) + 1;
  return [
    next,
    xmax.toString(),
    xip,
    from(lowest),
    4_000,
    '0',
    '00000000000000aa',
    1,
    'relay',
    '1',
    false,
    4_000_000,
  ];
};

const polls = [
  ['nothing is new and all children are finished', 'now', ROWS - 100, 500],
  ['nothing is new and no child is known to be finished', 'now', 1, 2_500],
  ['ten thousand rows are new', 'late', ROWS - 12_000, 2_500],
  ['seven tenths of the rows are new', 'early', EARLY - 10_000, MANY_BLOCKS],
  ['everything is new', 'zero', 1, MANY_BLOCKS],
] as const;

describe('with many children of five thousand rows, analyzed', () => {
  test.each(polls)('the poll scans no table when %s', async (_, since, lowest, most) => {
    const plan = await planOf(database, pollSql, pollValues(since, lowest));
    expect(sequentialScans(plan)).toEqual([]);
    expect(scanned(plan)).not.toContain('tick');
    expect(blocks(plan)).toBeLessThan(most);
  });

  test.each(polls)('the poll that a session keeps scans no table when %s', async (_, since, lowest, most) => {
    const plan = await keptPlanOf(database, pollValues(since, lowest));
    expect(sequentialScans(plan)).toEqual([]);
    expect(scanned(plan)).not.toContain('tick');
    expect(blocks(plan)).toBeLessThan(most);
  });

  test.each([
    ['a small', 'late', ROWS - 12_000],
    ['a large', 'early', EARLY - 10_000],
  ] as const)('%s window is read by the xid index', async (_, since, lowest) => {
    const now = tickAt(snapshots.now, ROWS + 10);
    const plan = await planOf(
      database,
      indexedSql({ previous: tickAt(snapshots[since], 0), tick: now, lowest: read(lowest) }, 4_000, {
        xidBelow: now.snapshot.xmax,
        idTo: now.ceil,
      }),
      [],
    );
    expect(sequentialScans(plan)).toEqual([]);
    expect(blocks(plan)).toBeLessThan(MANY_BLOCKS);
  });

  test('with many children, a page is read by primary key, and ends where its window ends', async () => {
    const walk = (from: number, to: number, tick: string, previous: string): Promise<PlanNode> =>
      planOf(
        database,
        walkSql(
          { previous: tickAt(previous, 0), tick: tickAt(tick, to), lowest: 1n, topic: 't' },
          4_000,
          BigInt(from),
        ),
        [],
      );
    const page = await walk(EARLY + 0.1 * ROWS, ROWS, snapshots.now, snapshots.early);
    expect(sequentialScans(page)).toEqual([]);
    expect(blocks(page)).toBeLessThan(MANY_BLOCKS);
    // The last page of a window: 100 rows, with seven tenths of all in later windows behind them.
    const last = await walk(EARLY - 100, EARLY, snapshots.early, '3:3:');
    expect(sequentialScans(last)).toEqual([]);
    expect(blocks(last)).toBeLessThan(200);
  });
});

test('a poll that was planned for empty tables is no slower when they have grown', async () => {
  const { database: grown } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, relayMigrations],
    { prefix: 'relay_grown' },
  );
  onTestFinished(() => grown.close());
  const plan = await keptPlanOf(grown, pollValues('zero', 1), async () => {
    await grown.executor.query(
      `insert into converge.outbox (event_id, topic, key, type, headers, payload)
       select gen_random_uuid(), 't', 'k' || i % 1000, 'test.event', '{}', repeat('x', 40) from generate_series(1, $1::int) i`,
      [inject('full') ? 300_000 : 100_000],
    );
  });
  expect(sequentialScans(plan)).toEqual([]);
  expect(blocks(plan)).toBeLessThan(1_000);
});
