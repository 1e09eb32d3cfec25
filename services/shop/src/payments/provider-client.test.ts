import { classify } from 'convergekit';
import { describe, expect, it } from 'vitest';
import { parseCharge } from './provider-client.ts';

const taken = { chargeId: 'ch_1', state: 'taken', refunded: false };

function failureOf(status: number, body: unknown) {
  try {
    parseCharge(status, body);
  } catch (error) {
    return classify(error);
  }
  throw new Error('it was taken for an answer');
}

describe('the provider’s answer', () => {
  it('a clear answer of the provider is parsed as taken, declined or unknown charge', () => {
    expect(parseCharge(200, taken)).toEqual({ kind: 'taken', chargeId: 'ch_1', refunded: false });
    expect(parseCharge(402, { ...taken, state: 'declined', reason: 'no funds' })).toEqual({
      kind: 'declined',
      reason: 'no funds',
    });
    expect(parseCharge(404, { error: 'not found' })).toBeUndefined();
  });

  it('only definite statuses are classified as not applied', () => {
    expect(failureOf(429, undefined)).toMatchObject({ certainty: 'not_applied' });
    expect(failureOf(500, { error: 'internal' })).toMatchObject({ certainty: 'unknown' });
    // An unclear answer is no refusal: with `not_applied`, a paid order could be cancelled.
    expect(failureOf(200, 'garbage').certainty).not.toBe('not_applied');
  });
});
