import type { Transaction } from 'kysely';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { consumerRef } from './consumer-ref.ts';
import { defineConsumer, startOf } from './define-consumer.ts';
import { testEvents } from '../fixture/ledger.ts';

const { counted, priced } = testEvents('orders');

describe('defineConsumer', () => {
  it('a consumer is a value: each method returns a new one and leaves the old one unchanged', () => {
    const empty = defineConsumer<unknown>('stock', { from: 'first' });
    const one = empty.on(counted, () => undefined);
    const two = one.onFailure(consumerRef('payments'), priced, () => undefined);
    expect([empty, one, two].map(({ topics }) => topics)).toEqual([
      [],
      ['orders'],
      ['orders', 'payments.failures'],
    ]);
    expect(two.failureTopic).toBe('stock.failures');
  });

  it('a handler has the type of the data of its event', () => {
    defineConsumer<{ stock: { id: string } }>('stock', { from: 'first' })
      .on(counted, { name: 'count' }, (event, { tx, emit }) => {
        expectTypeOf(event.data).toEqualTypeOf<{ key: string; n: number }>();
        expectTypeOf(tx).toEqualTypeOf<Transaction<{ stock: { id: string } }>>();
        expectTypeOf(emit).returns.toBeVoid();
      })
      .onBatch(priced, (events) => void expectTypeOf(events[0]!.data.n).toBeNumber())
      .onFailure(consumerRef('payments'), counted, (failure) => {
        expectTypeOf(failure.event.data.n).toBeNumber();
        expectTypeOf(failure.certainty).toEqualTypeOf<'not_applied' | 'applied' | 'unknown'>();
      });
  });

  it('a consumer rejects two handlers for one event, and accepts failures of two types from one topic', () => {
    const stock = defineConsumer<unknown>('stock', { from: 'latest' }).on(counted, () => undefined);
    expect(() => stock.onBatch(counted, () => undefined)).toThrow(
      /subscribes twice to test.counted on orders/,
    );
    expect(() =>
      stock
        .onFailure(consumerRef('payments'), counted, () => undefined)
        .onFailure(consumerRef('payments'), priced, () => undefined),
    ).not.toThrow();
    expect(() => stock.on(priced, { name: 'test.counted' }, () => undefined)).toThrow(/two handlers named/);
  });

  it('a consumer without a start begins at the first event', () => {
    const stock = defineConsumer('stock').on(counted, () => undefined);
    expect(startOf(stock.from, 'orders')).toBe('first');
  });

  it('a failure handler of an event that the given consumer does not handle is refused at import, and one by name alone is not', () => {
    const payments = defineConsumer<unknown>('payments').on(counted, () => undefined);
    expect(payments.onFailure(payments, counted, () => undefined).handles).toEqual(['test.counted']);
    const stock = defineConsumer<unknown>('stock');
    expect(() => stock.onFailure(payments, priced as never, () => undefined)).toThrow(
      /test\.priced, which consumer payments does not handle.*payments handles test\.counted/,
    );
    expect(stock.onFailure(consumerRef('payments'), priced, () => undefined).topics).toEqual([
      'payments.failures',
    ]);
    expect(() => stock.onFailure('payments' as never, counted, () => undefined)).toThrow(
      /give the consumer itself, or `consumerRef\('payments'\)`/,
    );
  });

  // Seen to fail: an unknown start read the log from its first record, and the consumer stopped with a TypeError.
  it.each([
    { from: 'newest' },
    { from: { '*': 'first', orders: 'newest' } },
    { onGap: 'skip' },
    { onDead: 'ignore' },
  ])('an option of a consumer that no type check has seen is refused at import: %o', (options) => {
    expect(() => defineConsumer('mail', { ...(options as object) })).toThrow(
      expect.objectContaining({
        code: 'CONSUMER_INVALID',
        message: expect.stringMatching(/must be one of/) as string,
      }) as Error,
    );
  });

  it('a consumer takes one start for all topics, or one per topic', () => {
    expect(startOf('latest', 'orders')).toBe('latest');
    expect(startOf({ '*': 'first', orders: 'latest' }, 'orders')).toBe('latest');
    expect(startOf({ '*': 'first', orders: 'latest' }, 'prices')).toBe('first');
    expect(startOf({ orders: 'latest' }, 'prices')).toBeUndefined();
  });
});
