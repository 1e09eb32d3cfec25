import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CATEGORIES } from '@convergekit/core/engine';
import type { Category } from '@convergekit/core';
import { defaultPolicy } from './index.ts';
import { waitAfter } from './wait.ts';

const { backoff } = defaultPolicy;
const half = (): number => 0.5;
const wait = (category: Category, retryAfterMs?: number) =>
  waitAfter({ category, ...(retryAfterMs !== undefined && { retryAfterMs }) }, backoff, 2, half);

describe('the reason of a wait', () => {
  it.each([
    ['its backoff', wait('network'), { computedMs: 50, capMs: 100, rule: 'backoff' }],
    ['a throttled call', wait('throttle'), { computedMs: 1_000, capMs: 2_000, rule: 'throttle' }],
    ['contention', wait('contention'), { computedMs: 50, capMs: 100, rule: 'contention' }],
    [
      'a longer requested delay',
      wait('service', 3_000),
      { computedMs: 3_000, hintMs: 3_000, capMs: 5_050, rule: 'retry_after' },
    ],
    [
      'an absurd requested delay',
      wait('throttle', 3_600_000),
      { computedMs: 6_000, hintMs: 3_600_000, capMs: 6_000, rule: 'retry_after' },
    ],
    [
      'a requested delay below its backoff',
      wait('throttle', 10),
      { computedMs: 1_000, hintMs: 10, capMs: 2_000, rule: 'throttle' },
    ],
  ])('a wait records its rule and its bounds: %s', (_, found, expected) => expect(found).toEqual(expected));

  it('a wait is never longer than its cap', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CATEGORIES),
        fc.option(fc.nat(10_000_000), { nil: undefined }),
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (category, retryAfterMs, count, drawn) => {
          const failure = { category, ...(retryAfterMs !== undefined && { retryAfterMs }) };
          const { computedMs, capMs } = waitAfter(failure, backoff, count, () => drawn);
          expect(computedMs).toBeLessThanOrEqual(capMs);
          expect(computedMs).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});
