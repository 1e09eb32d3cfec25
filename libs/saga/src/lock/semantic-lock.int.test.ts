import { semanticLock } from '@convergekit/saga';
import { connect, type Database } from '@convergekit/postgres';
import { classify } from '@convergekit/resilience';
import { freshDatabase } from '@convergekit/testing';
import type { Transaction } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

interface Db {
  account: { id: string; pending_saga: string | null };
}
const lock = semanticLock({ table: 'account' });
let database: Database<Db>;
const within = <T>(fn: (tx: Transaction<Db>) => Promise<T>): Promise<T> =>
  database.db.transaction().execute(fn);
const failure = (happens: Promise<unknown>) =>
  happens.then(
    () => 'nothing',
    (error: unknown) => `${classify(error).category} ${classify(error).code}`,
  );

beforeAll(async () => {
  database = connect<Db>({ url: await freshDatabase(inject('stack').databaseUrl, 'lock'), max: 5 });
  await database.executor.query('create table account (id text primary key, pending_saga text)');
});
afterAll(() => database.close());
beforeEach(() => database.executor.query(`truncate account; insert into account (id) values ('a')`));

describe('a semantic lock', () => {
  it('G6i: a semantic lock marks a row for one saga across transactions, until that saga frees it', async () => {
    expect(await within((tx) => lock.take(tx, 'a', 's1', 'reject'))).toEqual({ kind: 'ours' });
    // The event is delivered again and finds its own mark.
    expect(await within((tx) => lock.take(tx, 'a', 's1', 'reject'))).toEqual({ kind: 'ours' });
    expect(await within((tx) => lock.pending(tx, 'a'))).toBe('s1');
    // Planted fault: `free` without the saga in its condition gives another one's mark away.
    await within((tx) => lock.free(tx, 'a', 's2'));
    expect(await within((tx) => lock.pending(tx, 'a'))).toBe('s1');
    await within((tx) => lock.free(tx, 'a', 's1'));
    expect(await within((tx) => lock.take(tx, 'a', 's2', 'reject'))).toEqual({ kind: 'ours' });
  });

  it.each([
    ['reject', 'business ROW_PENDING'],
    ['queue', 'service ROW_PENDING'],
  ] as const)(
    'G6i: a semantic lock with policy %s refuses the row to another saga',
    async (onPending, wanted) => {
      await within((tx) => lock.take(tx, 'a', 's1', 'reject'));
      expect(await failure(within((tx) => lock.take(tx, 'a', 's2', onPending)))).toBe(wanted);
      expect(await within((tx) => lock.pending(tx, 'a'))).toBe('s1');
    },
  );

  it('G6i: a semantic lock with policy warn lets another saga continue, with the name of the holder', async () => {
    await within((tx) => lock.take(tx, 'a', 's1', 'warn'));
    expect(await within((tx) => lock.take(tx, 'a', 's2', 'warn'))).toEqual({ kind: 'pending', saga: 's1' });
  });

  it.each(['read committed', 'repeatable read'] as const)(
    'a semantic lock that eight sagas take at once has one winner at %s',
    async (isolation) => {
      const take = (saga: string): Promise<{ readonly kind: string }> =>
        database.db
          .transaction()
          .setIsolationLevel(isolation)
          .execute((tx) => lock.take(tx, 'a', saga, 'warn'))
          .catch((error: unknown) => {
            if (classify(error).category === 'contention') return take(saga);
            throw error;
          });
      const takes = Array.from({ length: 8 }, (_, n) => take(`s${n}`));
      const kinds = (await Promise.all(takes)).map(({ kind }) => kind);
      // Planted fault: a mark that is read first and then written has several.
      expect(kinds.filter((kind) => kind === 'ours')).toHaveLength(1);
    },
  );

  it('a semantic lock on a row that does not exist fails with LOCK_ROW_MISSING', async () => {
    expect(await failure(within((tx) => lock.take(tx, 'missing', 's1', 'reject')))).toBe(
      'bug LOCK_ROW_MISSING',
    );
  });
});
