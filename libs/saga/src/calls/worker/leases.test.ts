import type { Executor } from '@convergekit/postgres';
import { expect, it } from 'vitest';
import { Leases } from './leases.ts';

// Planted faults: found by the id alone, an earlier claim is sent under the lease of a later one, and its end takes that away.
it('a claim has its own lease: that of a later claim of the same work is none of it', () => {
  const leases = new Leases();
  const [born, claimed] = [
    { id: 'a', term: '1' },
    { id: 'a', term: '2' },
  ];
  leases.take(born, true, 10);
  expect(leases.endsAt(born)).toBe(10);
  leases.take(claimed, true, 20);
  expect([leases.endsAt(born), leases.endsAt(claimed)]).toEqual([Number.NEGATIVE_INFINITY, 20]);
  leases.drop(born);
  expect([leases.endsAt(claimed), leases.ids]).toEqual([20, ['a']]);
  leases.drop(claimed);
  expect(leases.ids).toEqual([]);
});

// Planted fault: counted from the answer, a call is sent under a lease that has ended for the database, and another worker makes it too.
it('a renewed lease is counted from before its renewal was sent, however late the answer comes', async () => {
  const leases = new Leases();
  const held = { id: 'a', term: '1' };
  leases.take(held, true, 30);
  let now = 20;
  const query = (): Promise<unknown> => {
    now = 60;
    return Promise.resolve({ rows: [held], rowCount: 1 });
  };
  await leases.renew({ query } as unknown as Executor, 50, () => now);
  expect(leases.endsAt(held)).toBe(70);
});
