import { describe, expect, it } from 'vitest';
import { meaning } from './provider-client.ts';

const taken = { chargeId: 'ch_1', state: 'taken', refunded: false };

describe('the provider’s answer', () => {
  it('is done, declined or absent where it is clear', () => {
    expect(meaning('charge', 201, taken)).toEqual({ kind: 'done', reference: 'ch_1' });
    expect(meaning('charge', 402, { ...taken, state: 'declined', reason: 'no funds' })).toEqual({
      kind: 'declined',
      reason: 'no funds',
    });
    expect(meaning('charge', 404, { error: 'not found' })).toEqual({ kind: 'absent' });
  });

  it('does not take a charge for its refund', () => {
    expect(meaning('refund', 200, taken)).toEqual({ kind: 'absent' });
    expect(meaning('refund', 200, { ...taken, refunded: true })).toEqual({ kind: 'done', reference: 'ch_1' });
  });

  it('is certain only for statuses that say so', () => {
    expect(meaning('charge', 503, undefined).kind).toBe('not_applied');
    expect(meaning('charge', 500, { error: 'internal' }).kind).toBe('unclear');
    expect(meaning('charge', 200, 'garbage').kind).toBe('unclear');
  });
});
