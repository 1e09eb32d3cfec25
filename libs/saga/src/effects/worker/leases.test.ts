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
