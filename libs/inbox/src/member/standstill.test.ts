import { describe, expect, it } from 'vitest';
import { standstill } from './standstill.ts';

describe('a partition at a standstill', () => {
  const first = standstill(undefined, { nextOffset: 5n, lag: 2n, named: false }, 100);
  it.each([
    [
      'a standstill lasts since the first look that found the partition there',
      { nextOffset: 5n, lag: 9n, named: false },
      { at: 5n, since: 100 },
    ],
    [
      'a standstill begins anew when the partition has moved',
      { nextOffset: 6n, lag: 1n, named: false },
      { at: 6n, since: 900 },
    ],
    [
      'a partition without records to handle is at no standstill',
      { nextOffset: 5n, lag: 0n, named: false },
      undefined,
    ],
    ['a partition with a reason is at no standstill', { nextOffset: 5n, lag: 2n, named: true }, undefined],
  ])('%s', (_, look, expected) => {
    expect(standstill(first, look, 900)).toEqual(expected);
  });
});
