import { expect, it } from 'vitest';
import { earlierOf } from '../worker/report.ts';
import { continueStory, type WorkAttempt } from './work.ts';

const one = (at: string, code?: string, op: 'call' | 'query' = 'call'): WorkAttempt => ({
  at,
  op,
  durationMs: 0,
  ...(code && { failure: { category: 'service', certainty: 'not_applied', code, message: '' } }),
});

// Planted fault: with every refusal kept, a saga of two minutes behind an open breaker shows 35 calls of 0 ms.
it('refusals of a breaker one after the other are one wait from the first on, and no attempt', () => {
  const story = [one('1', 'E503'), one('2', 'BREAKER_OPEN'), one('3', 'BREAKER_OPEN')].reduce<
    readonly WorkAttempt[]
  >((all, next) => continueStory(all, [next]), []);
  expect(story.map(({ at, failure }) => [at, failure?.code])).toEqual([
    ['1', 'E503'],
    ['2', 'BREAKER_OPEN'],
  ]);
  const later = continueStory(story, [one('4', 'BREAKER_OPEN', 'query'), one('5'), one('6', 'BREAKER_OPEN')]);
  expect(later.map(({ at }) => at)).toEqual(['1', '2', '4', '5', '6']);
  expect(earlierOf({ story: later })).toBe(2);
});
