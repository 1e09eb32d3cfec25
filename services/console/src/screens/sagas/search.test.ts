import { expect, it } from 'vitest';
import { writeCursor } from '../cursor.ts';
import { statesOf } from '@convergekit/operate/saga';
import { searchOf, searchSchema } from './search.ts';

const NOW = Date.UTC(2026, 0, 2);
const at = { now: NOW, limit: 51 };

it('the list shows what is open, and a search by key, id or trace the whole history', () => {
  expect(statesOf({})).toEqual(['stuck', 'expired', 'compensating', 'running']);
  expect(statesOf({ key: 'k' })).toContain('completed');
  expect(statesOf({ key: 'k', state: 'stuck' })).toEqual(['stuck']);
  expect(statesOf({ state: 'any', reason: 'x' })).not.toContain('completed');
  expect(statesOf({ state: 'any', older: '2h' })).toEqual(statesOf({}));
});

it('an age is a span of time, and anything else is refused', () => {
  expect(searchOf({ older: '2h' }, undefined, at).startedBefore).toEqual(new Date(NOW - 7_200_000));
  expect(() => searchOf({ older: 'yesterday' }, undefined, at)).toThrow('as 90s, 30m, 2h or 1d');
});

it('an id that has no such open step matches nothing', () => {
  expect(searchOf({ id: 'a' }, ['b'], at).instances).toEqual([]);
  expect(searchOf({ id: 'a' }, undefined, at).instances).toEqual(['a']);
});

it('the place of the next page is read back from the address, and another text is refused', () => {
  const cursor = { state: 'stuck', changedAt: '1767312000000001', saga: 's', instance: 'i' } as const;
  expect(searchOf({ after: writeCursor(cursor) }, undefined, at).after).toEqual(cursor);
  for (const after of ['x', writeCursor({ ...cursor, changedAt: `1'; drop` })])
    expect(() => searchOf(searchSchema.parse({ after }), undefined, at)).toThrow(
      'not the place of a next page',
    );
});
