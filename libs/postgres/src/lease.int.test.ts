import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { beforeEach, expect, inject, it, vi } from 'vitest';
import type { Database } from './connect.ts';
import { acquireLease, type LeaseOutcome, otherHolder, releaseLease, renewLease } from './lease.ts';

let database: Database;

beforeEach(async () => {
  ({ database } = await migratedDatabase(inject('stack').databaseUrl, [], { max: 16 }));
  return () => database.close();
});

const acquire = (holder: string, ttlMs = 60_000): Promise<LeaseOutcome> =>
  acquireLease(database.executor, { name: 'relay', holder, ttlMs });

const expire = (): Promise<unknown> =>
  database.executor.query(`update converge.lease set expires_at = clock_timestamp() - interval '1 ms'`);

it('of many concurrent callers one acquires the lease, and the others receive its holder', async () => {
  const holders = Array.from({ length: 16 }, (_, index) => `h${index}`);
  const outcomes = await Promise.all(holders.map((holder) => acquire(holder)));
  const winner = outcomes.findIndex((outcome) => outcome.kind === 'acquired');
  expect(outcomes.filter((outcome) => outcome.kind === 'acquired')).toEqual([{ kind: 'acquired', term: 1n }]);
  const others = outcomes.filter((outcome) => outcome.kind === 'held');
  expect(new Set(others.map((outcome) => outcome.heldBy))).toEqual(new Set([`h${winner}`]));
});

it('an expired lease is acquired once, with the next term, and its former holder cannot renew it', async () => {
  await acquire('old');
  await expire();
  const outcomes = await Promise.all(['a', 'b', 'c', 'd'].map((holder) => acquire(holder)));
  expect(outcomes.filter((outcome) => outcome.kind === 'acquired')).toEqual([{ kind: 'acquired', term: 2n }]);
  const old = { name: 'relay', holder: 'old', term: 1n };
  expect(await renewLease(database.executor, { ...old, ttlMs: 60_000 })).toBe(false);
  expect(await releaseLease(database.executor, old)).toBe(false);
});

it('a lease that was acquired on another server is not renewed, and its holder acquires it anew, with the next term', async () => {
  await acquire('a');
  // A standby that was promoted has the row of the server that it followed.
  await database.executor.query('update converge.lease set server = server - 1');
  const held = { name: 'relay', holder: 'a', ttlMs: 60_000 };
  expect(await renewLease(database.executor, { ...held, term: 1n })).toBe(false);
  expect(await acquire('a')).toEqual({ kind: 'acquired', term: 2n });
  expect(await renewLease(database.executor, { ...held, term: 2n })).toBe(true);
});

it('a lease that is released is not lost; one that its holder left behind is, for ten minutes', async () => {
  const lost = async (): Promise<unknown> =>
    (await database.executor.query('select cardinality(lost_at) as lost from converge.lease')).rows[0]?.[
      'lost'
    ];
  for (const [at, holder] of ['a', 'b', 'c', 'd'].entries()) {
    await acquire(holder);
    await releaseLease(database.executor, { name: 'relay', holder, term: BigInt(at + 1) });
  }
  expect(await lost()).toBe(0);
  for (const holder of ['killed', 'frozen', 'last']) {
    await acquire(holder);
    await expire();
  }
  expect(await lost()).toBe(2);
  await database.executor.query(`update converge.lease set lost_at[1] = lost_at[1] - interval '11 minutes'`);
  await acquire('later');
  expect(await lost()).toBe(2);
});

it('a renewal keeps the term and extends the lease', async () => {
  await acquire('a', 50);
  expect(await renewLease(database.executor, { name: 'relay', holder: 'a', term: 1n, ttlMs: 60_000 })).toBe(
    true,
  );
  expect(await acquire('b')).toMatchObject({ kind: 'held', heldBy: 'a' });
});

it('a short lease expires by the clock of the database', async () => {
  await acquire('a', 30);
  const outcome = await waitUntil(
    async () => {
      const tried = await acquire('b');
      return tried.kind === 'acquired' ? tried : undefined;
    },
    { what: 'the lease to expire' },
  );
  expect(outcome.term).toBe(2n);
});

/** Runs a part of a test as a process whose clock is wrong. Timers are right. */
async function withClock<T>(skewMs: number, run: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + skewMs });
  try {
    return await run();
  } finally {
    vi.useRealTimers();
  }
}

// Planted fault: a lease that is written and compared with the time of its process.
it.each([
  ['its holder is an hour behind', -3_600_000, 0],
  ['another process is an hour ahead', 0, 3_600_000],
])(
  'G2e: a lease is held until the database says that it ends, when the clock of %s',
  async (_, own, other) => {
    expect(await withClock(own, () => acquire('a'))).toEqual({ kind: 'acquired', term: 1n });
    expect(await withClock(other, () => acquire('b'))).toMatchObject({ kind: 'held', heldBy: 'a' });
    await expire();
    expect(await withClock(other, () => acquire('b'))).toEqual({ kind: 'acquired', term: 2n });
  },
);

it('a released lease is free at once, and its term keeps increasing', async () => {
  await acquire('a');
  expect(await releaseLease(database.executor, { name: 'relay', holder: 'a', term: 1n })).toBe(true);
  expect(await acquire('b')).toEqual({ kind: 'acquired', term: 2n });
});

// Planted fault: an end that is compared with now alone. The lease of a dead holder was kept for as long as the clock went back.
it('a lease that ends later than any can is free, since the clock was set back, and its holder is fenced', async () => {
  await acquire('dead');
  await database.executor.query(`update converge.lease set expires_at = expires_at + interval '1 hour'`);
  expect(await acquire('long', 2 * 3_600_000)).toMatchObject({ kind: 'held', heldBy: 'dead' });
  const next = { name: 'relay', holder: 'next', ttlMs: 60_000 };
  expect(await otherHolder(database.executor, next)).toBeUndefined();
  expect(await acquire('next')).toEqual({ kind: 'acquired', term: 2n });
  expect(await otherHolder(database.executor, { ...next, holder: 'dead' })).toBe('next');
  expect(await renewLease(database.executor, { name: 'relay', holder: 'dead', term: 1n, ttlMs: 1 })).toBe(
    false,
  );
});

// Planted fault: an end that is too late by the lease of the asker alone. One that asks for less takes a lease that is held.
it('a process that asks for a short lease does not take a longer one for the work of a wrong clock', async () => {
  await acquire('long', 300_000);
  expect(await acquire('short', 1_000)).toMatchObject({ kind: 'held', heldBy: 'long' });
});

it('a holder that acquires again under its own name fences its former self', async () => {
  await acquire('a');
  expect(await acquire('a')).toEqual({ kind: 'acquired', term: 2n });
  expect(await renewLease(database.executor, { name: 'relay', holder: 'a', term: 1n, ttlMs: 1 })).toBe(false);
  // Planted fault: a release that compares the name alone has another take over beside the one that leads.
  expect(await releaseLease(database.executor, { name: 'relay', holder: 'a', term: 1n })).toBe(false);
  expect(await acquire('b')).toMatchObject({ kind: 'held', heldBy: 'a' });
});
