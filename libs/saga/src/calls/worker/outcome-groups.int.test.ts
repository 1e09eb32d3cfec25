import type { Database } from '@convergekit/postgres';
import { StatementTap } from '../../../../testing/src/fixture/statement-tap.ts';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import {
  eventTypes,
  outcomes,
  request,
  type SceneDb,
  sceneDatabase,
  sceneCalls,
  workRows,
} from '../../fixture/calls/scene.ts';
import { claimWork } from '../work/claim-sql.ts';
import { resolveOptions } from './options.ts';
import { OutcomeGroups } from './outcome-groups.ts';
import type { Recording } from './record-outcome.ts';

let database: Database<SceneDb>;
let tap: StatementTap;
beforeEach(async () => {
  ({ database } = await sceneDatabase(inject('stack').databaseUrl));
  tap = new StatementTap();
});
afterEach(() => database.close());

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;
type Keyed = ReturnType<typeof sceneCalls>['keyed'];

/** Claims work of a call whose outcomes may be grouped, and returns what records each as succeeded. */
async function claimed(change: (call: Keyed) => Keyed = (call) => call) {
  const { keyed } = sceneCalls('http://127.0.0.1:1');
  const call = change({ ...keyed, grouped: true, lockSql: 'select 1 as one from closed' });
  await request(database, call, KEYS);
  const options = resolveOptions<SceneDb>([call], { database });
  const wanted = { call: call.name, places: 10, leaseMs: 60_000, callMs: 1_000, settleMs: 0 };
  const works = await claimWork(database.executor, options.holder, [wanted]);
  const recordings = works
    .toSorted((a, b) => a.key.localeCompare(b.key))
    .map((work): Recording<SceneDb> => {
      const result = JSON.stringify({ receipt: `r-${work.key}` });
      return {
        call,
        revived: call.revive(work),
        work,
        outcome: { kind: 'succeeded', result },
        made: { calls: 1, queries: 0, attempts: [], doubt: 'as_before' },
        inContext: (run) => run(),
      };
    });
  tap.attach('worker', database.pool);
  return { groups: new OutcomeGroups(options), recordings };
}

const transactions = (): number =>
  tap.transactions.filter(({ statements }) => statements.some(({ text }) => text.includes('saga_work')))
    .length;

it('outcomes that are known at the same time are recorded by three transactions, each with its event', async () => {
  const { groups, recordings } = await claimed();
  const recorded = await Promise.all(recordings.map((recording) => groups.record(recording)));
  expect(recorded).toEqual(KEYS.map(() => true));
  expect(await outcomes(database)).toEqual(KEYS.map((key) => `${key} r-${key}`));
  expect(await eventTypes(database)).toEqual(KEYS.map((key) => `${key} test.succeeded`));
  // Two begin at once, and the others follow together.
  expect(transactions()).toBe(3);
  expect(await workRows(database)).toEqual([]);
});

// Planted fault: a statement that is not awaited is committed, or ends the process.
it('a reaction that forgets an await costs only its own outcome, and its error says so', async () => {
  const { groups, recordings } = await claimed((call) => ({
    ...call,
    revive: (stored) => {
      const revived = call.revive(stored);
      if (!stored.input.includes('"f"')) return revived;
      const succeeded: typeof revived.succeeded = async (_, { tx }) => {
        await Promise.resolve();
        void tx.insertInto('outcome').values({ key: 'f', answer: 'late' }).execute();
      };
      return { ...revived, succeeded };
    },
  }));
  const settled = await Promise.allSettled(recordings.map((recording) => groups.record(recording)));
  expect(settled.filter(({ status }) => status === 'rejected')).toMatchObject([
    {
      reason: {
        code: 'STATEMENT_NOT_AWAITED',
        message: expect.stringContaining('of consumer orders') as string,
      },
    },
  ]);
  expect(await outcomes(database)).toEqual(KEYS.filter((key) => key !== 'f').map((key) => `${key} r-${key}`));
});

// Planted fault: without the transaction of its own for each, the neighbours of a failed reaction are not recorded.
it('a reaction that fails costs only its own outcome', async () => {
  const { groups, recordings } = await claimed((call) => ({
    ...call,
    revive: (stored) => {
      const revived = call.revive(stored);
      const fails = stored.input.includes('"f"');
      const succeeded = (): Promise<void> => Promise.reject(new RangeError('no'));
      return fails ? { ...revived, succeeded } : revived;
    },
  }));
  const settled = await Promise.allSettled(recordings.map((recording) => groups.record(recording)));
  expect(settled.map(({ status }) => status)).toEqual(
    KEYS.map((key) => (key === 'f' ? 'rejected' : 'fulfilled')),
  );
  const others = KEYS.filter((key) => key !== 'f');
  expect(await outcomes(database)).toEqual(others.map((key) => `${key} r-${key}`));
  expect(await eventTypes(database)).toEqual(others.map((key) => `${key} test.succeeded`));
});

// Planted fault: a close that does not compare the term records the outcome of a claim that another worker has taken.
it('an outcome whose claim was lost is left out of its group, and the others are recorded', async () => {
  const { groups, recordings } = await claimed();
  await database.executor.query(`update converge.saga_work set term = term + 1 where key = 'e'`);
  const recorded = await Promise.all(recordings.map((recording) => groups.record(recording)));
  expect(recorded).toEqual(KEYS.map((key) => key !== 'e'));
  const others = KEYS.filter((key) => key !== 'e');
  expect(await outcomes(database)).toEqual(others.map((key) => `${key} r-${key}`));
});
