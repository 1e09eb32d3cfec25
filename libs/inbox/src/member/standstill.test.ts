import { describe, expect, it } from 'vitest';
import { standstill } from './standstill.ts';

const at = (now: number) => ({ now, everyMs: 200 });

describe('a partition at a standstill', () => {
  const first = standstill(undefined, { nextOffset: 5n, lag: 2n, named: false }, at(100));
  it.each([
    [
      'a standstill lasts since the first look that found the partition there',
      { nextOffset: 5n, lag: 9n, named: false },
      { at: 5n, since: 100, until: 900 },
    ],
    [
      'a standstill begins anew when the partition has moved',
      { nextOffset: 6n, lag: 1n, named: false },
      { at: 6n, since: 900, until: 900 },
    ],
    [
      'a partition without records to handle is at no standstill',
      { nextOffset: 5n, lag: 0n, named: false },
      undefined,
    ],
    ['a partition with a reason is at no standstill', { nextOffset: 5n, lag: 2n, named: true }, undefined],
  ])('%s', (_, look, expected) => {
    expect(standstill(first, look, at(900))).toEqual(expected);
  });

  // Planted fault: a standstill that lasts from its first look to now. A consumer that was frozen for an hour with events to handle
  // is not live when it goes on, and is restarted.
  it('a process that was frozen, or whose machine slept, begins anew', () => {
    const look = { nextOffset: 5n, lag: 2n, named: false };
    expect(standstill(first, look, at(100 + 60_200))).toMatchObject({ since: 100 });
    expect(standstill(first, look, at(3_600_100))).toEqual({ at: 5n, since: 3_600_100, until: 3_600_100 });
  });
});
