import { classify } from '@convergekit/resilience';
import { describe, expect, it } from 'vitest';
import { meaning } from './provider-client.ts';

const taken = { chargeId: 'ch_1', state: 'taken', refunded: false };

function failureOf(status: number, body: unknown) {
  try {
    meaning(status, body);
  } catch (error) {
    return classify(error);
  }
  throw new Error('it was taken for an answer');
}

describe('the provider’s answer', () => {
  it('is taken, declined or unheard of where it is clear', () => {
    expect(meaning(200, taken)).toEqual({ kind: 'taken', chargeId: 'ch_1', refunded: false });
    expect(meaning(402, { ...taken, state: 'declined', reason: 'no funds' })).toEqual({
      kind: 'declined',
      reason: 'no funds',
    });
    expect(meaning(404, { error: 'not found' })).toBeUndefined();
  });

  it('is certain only for statuses that say so', () => {
    expect(failureOf(429, undefined)).toMatchObject({ certainty: 'not_applied' });
    expect(failureOf(500, { error: 'internal' })).toMatchObject({ certainty: 'unknown' });
    // Whatever it means, it is no "no": with `not_applied` an order could be given up that is paid for.
    expect(failureOf(200, 'garbage').certainty).not.toBe('not_applied');
  });
});
