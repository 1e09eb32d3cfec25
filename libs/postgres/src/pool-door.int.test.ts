import { connect, type Database, withTransaction } from '@convergekit/postgres';
import { beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { kyselyTransaction } from './transaction.ts';

let database: Database;

beforeEach(() => {
  const { databaseUrl } = inject('stack');
  // No wait ends by time here.
  database = connect({ url: databaseUrl, max: 1, maxWaiting: 2, connectTimeoutMs: 2_147_483_647 });
  onTestFinished(() => database.close());
});

const gone = { code: 'CALLER_GONE', category: 'network', certainty: 'not_applied' };

it('G5r: a caller beyond those that may wait for a connection is refused at once, and those that wait get theirs', async () => {
  const held = await database.acquire();
  const waiting = [database.acquire(), database.acquire()];
  await expect(database.ping()).rejects.toMatchObject({
    code: 'DATABASE_POOL_EXHAUSTED',
    category: 'service',
  });
  held.release();
  for (const one of waiting) (await one).release();
  await database.ping();
});

it('a caller that gives up leaves its place to others, and its connection goes back to the pool', async () => {
  const held = await database.acquire();
  const leaves = new AbortController();
  const leaving = [database.acquire(leaves.signal), database.acquire(leaves.signal)];
  leaves.abort(new Error('the client has gone'));
  for (const one of leaving)
    await expect(one).rejects.toMatchObject({ ...gone, cause: { message: 'the client has gone' } });
  const waiting = [database.acquire(), database.acquire()];
  held.release();
  for (const one of waiting) (await one).release();
  await database.ping();
  await expect(database.acquire(leaves.signal)).rejects.toMatchObject(gone);
});

it('G5r: a transaction whose caller has gone is not begun, and one that has begun is finished', async () => {
  const leaves = new AbortController();
  const ran: string[] = [];
  const begun = Promise.withResolvers<undefined>();
  const go = Promise.withResolvers<undefined>();
  const first = withTransaction(database, { signal: leaves.signal }, async (tx) => {
    begun.resolve(undefined);
    await go.promise;
    await tx.query('select 1');
    ran.push('first');
  });
  await begun.promise;
  const own = withTransaction(database, { signal: leaves.signal }, () => Promise.resolve(ran.push('own')));
  const kysely = kyselyTransaction(database.db, { signal: leaves.signal }, () =>
    Promise.resolve(ran.push('kysely')),
  );
  leaves.abort();
  await expect(own).rejects.toMatchObject(gone);
  await expect(kysely).rejects.toMatchObject(gone);
  go.resolve(undefined);
  await first;
  await database.ping();
  expect(ran).toEqual(['first']);
});
