import { expect, it } from 'vitest';
import { LEAST_OUTCOMES, MOST_PENDING, nextRetry, SILENCE_MS } from './retry-decision.ts';

const counts = { sent: 0, refused: 0, applied: 0, failed: 0, pending: 0 };

it('a retry of many events goes on while few outcomes are known, whatever they are', () => {
  expect(nextRetry({ ...counts, failed: LEAST_OUTCOMES - 1 }, 1)).toEqual({ kind: 'send' });
});

it('a retry of many events stops when more of the outcomes are failures than the limit allows', () => {
  const known = { ...counts, applied: 80, failed: 20 };
  expect(nextRetry(known, 20)).toEqual({ kind: 'send' });
  expect(nextRetry({ ...known, failed: 21 }, 20)).toEqual({
    kind: 'stop',
    why: '21 of 101 failed again (21 %, the limit is 20 %)',
  });
});

it('a retry of many events waits while too many are out without an outcome, and does not where outcomes do not matter', () => {
  const out = { ...counts, pending: MOST_PENDING, failed: 50 };
  expect(nextRetry({ ...out, failed: 0 }, 20)).toEqual({ kind: 'wait' });
  expect(nextRetry(out, undefined)).toEqual({ kind: 'send' });
});

it('a retry of many events awaits the first outcomes before it sends more', () => {
  expect(nextRetry({ ...counts, pending: LEAST_OUTCOMES - 1 }, 20)).toEqual({ kind: 'send' });
  expect(nextRetry({ ...counts, pending: LEAST_OUTCOMES, failed: 1 }, 20)).toEqual({ kind: 'wait' });
});

it('a retry of many events that had no outcome for its limit stops, and says what to start', () => {
  const out = { ...counts, pending: LEAST_OUTCOMES };
  const silence = { ms: SILENCE_MS - 1, limitMs: SILENCE_MS };
  expect(nextRetry(out, 20, silence)).toEqual({ kind: 'wait' });
  expect(nextRetry(out, 20, { ...silence, ms: SILENCE_MS })).toMatchObject({
    kind: 'stop',
    why: expect.stringMatching(
      /^no outcome for 60 s: 10 retried events are due, .*Start the consumer/,
    ) as string,
  });
  expect(nextRetry({ ...out, pending: 1 }, 20, { ...silence, ms: SILENCE_MS })).toEqual({ kind: 'send' });
});
