import { describe, expect, it } from 'vitest';
import { failureEvent, type FailureInput } from './engine.ts';
import { failureTopic } from './index.ts';

const input: FailureInput = {
  consumer: 'payments',
  handler: 'shop.order.placed',
  event: {
    id: 'e-1',
    type: 'shop.order.placed',
    source: 'orders',
    topic: 'shop.orders',
    partition: 3,
    offset: '41',
    key: 'o-1',
    payload: '{}',
  },
  category: 'business',
  certainty: 'not_applied',
  code: 'CARD_DECLINED',
  message: 'declined',
  attempts: [],
  firstAt: '2026-01-01T00:00:00.000Z',
  lastAt: '2026-01-01T00:00:00.000Z',
};

describe('a failure event', () => {
  it('a failure event goes to the consumer’s failure topic under the failed event’s key', () => {
    expect(failureEvent('payments')(input)).toMatchObject({
      type: 'converge.failure',
      version: 1,
      topic: 'payments.failures',
      key: 'o-1',
      data: { event: { version: 1, position: null } },
    });
  });

  it('a failure event has exactly one of payload text, base64 and reference', () => {
    const bare = Object.fromEntries(
      Object.entries(input.event).filter(([name]) => name !== 'payload'),
    ) as FailureInput['event'];
    const emit = (event: FailureInput['event']) => () => failureEvent('payments')({ ...input, event });
    expect(emit({ ...bare, payloadBase64: '/w==' })).not.toThrow();
    expect(emit({ ...bare, ref: 'shop.orders/3/41' })).not.toThrow();
    expect(emit(bare)).toThrow('exactly one of');
    expect(emit({ ...input.event, ref: 'x' })).toThrow('exactly one of');
  });

  it.each(['', 'a b', '../x', 'ü', '-x', 'x'.repeat(202)])('the consumer name %j is rejected', (name) =>
    expect(() => failureTopic(name)).toThrow('cannot name a consumer'),
  );
});
