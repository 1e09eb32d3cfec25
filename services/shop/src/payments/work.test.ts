import { seededRandom } from '@converge/runtime';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Answer, nextCall, settle, type Work } from './work.ts';

const ready: Work = { op: 'charge', state: 'ready', attempts: 1 };
const unknown: Work = { ...ready, state: 'unknown' };

describe('a call to the provider', () => {
  it('asks first when an earlier call has an unknown outcome', () => {
    expect(nextCall(ready)).toBe('submit');
    expect(nextCall(unknown)).toBe('ask');
  });

  it('remembers that an outcome is unknown until somebody knows', () => {
    const random = seededRandom(1);
    expect(settle(ready, { kind: 'unclear', why: 'no answer in 1500 ms' }, random)).toMatchObject({
      kind: 'again',
      state: 'unknown',
    });
    expect(settle(unknown, { kind: 'not_applied', why: 'ECONNREFUSED' }, random)).toMatchObject({
      kind: 'again',
      state: 'unknown',
    });
    expect(settle(unknown, { kind: 'absent' }, random)).toMatchObject({ kind: 'again', state: 'ready' });
  });

  it('is repeated at once when it certainly did not arrive, and ends with a clear answer', () => {
    const random = seededRandom(1);
    expect(settle(ready, { kind: 'done', reference: 'ch_1' }, random)).toEqual({
      kind: 'succeeded',
      reference: 'ch_1',
    });
    expect(settle(ready, { kind: 'declined', reason: 'no funds' }, random)).toEqual({
      kind: 'declined',
      reason: 'no funds',
    });
  });

  /** A provider that keeps one effect per idempotency key, over a network that may lose calls and answers. */
  it('takes effect exactly once, whatever the network loses', () => {
    const fault = fc.constantFrom(
      'none' as const,
      'call lost' as const,
      'answer lost' as const,
      'refused' as const,
    );
    fc.assert(
      fc.property(fc.array(fault, { maxLength: 30 }), fc.integer(), (faults, seed) => {
        const random = seededRandom(seed);
        let [work, effects, heard]: [Work, number, boolean] = [ready, 0, false];
        for (const how of [...faults, 'none' as const, 'none' as const, 'none' as const]) {
          const call = nextCall(work);
          if (call === 'submit' && (how === 'none' || how === 'answer lost') && !heard)
            [heard, effects] = [true, effects + 1];
          const settled = settle(work, answerTo(call, how, heard), random);
          if (settled.kind === 'succeeded') {
            expect([effects, heard]).toEqual([1, true]);
            return;
          }
          if (settled.kind === 'again') work = { ...work, state: settled.state, attempts: work.attempts + 1 };
        }
        throw new Error('it never ended although the network healed');
      }),
    );
  });
});

function answerTo(call: 'submit' | 'ask', how: string, heard: boolean): Answer {
  if (how === 'refused') return { kind: 'not_applied', why: 'ECONNREFUSED' };
  if (how !== 'none') return { kind: 'unclear', why: how };
  if (call === 'ask' && !heard) return { kind: 'absent' };
  return { kind: 'done', reference: 'ch_1' };
}
