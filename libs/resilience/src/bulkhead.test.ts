import { describe, expect, it } from 'vitest';
import { Bulkhead } from './bulkhead.ts';

function held() {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { call: () => promise, end: () => resolve(undefined) };
}

describe('a bulkhead', () => {
  it('a bulkhead runs up to its limit at a time, the others in request order', async () => {
    const bulkhead = new Bulkhead('bank', { concurrent: 1, waiting: 2 });
    const first = held();
    const order: string[] = [];
    const ended = [
      bulkhead.run(first.call),
      bulkhead.run(() => Promise.resolve(void order.push('second'))),
      bulkhead.run(() => Promise.reject(new Error('third fails'))).catch(() => order.push('third')),
    ];
    expect([bulkhead.running, bulkhead.waiting]).toEqual([1, 2]);
    first.end();
    await Promise.all(ended);
    expect(order).toEqual(['second', 'third']);
    expect([bulkhead.running, bulkhead.waiting]).toEqual([0, 0]);
  });

  it('a bulkhead rejects callers beyond its limit at once', async () => {
    const bulkhead = new Bulkhead('bank', { concurrent: 1, waiting: 0 });
    const first = held();
    const running = bulkhead.run(first.call);
    await expect(bulkhead.run(first.call)).rejects.toMatchObject({
      code: 'BULKHEAD_FULL',
      category: 'throttle',
      certainty: 'not_applied',
    });
    first.end();
    await running;
  });

  it('a waiting caller that aborts leaves its slot to the next', async () => {
    const bulkhead = new Bulkhead('bank', { concurrent: 1, waiting: 2 });
    const first = held();
    const running = bulkhead.run(first.call);
    const abort = new AbortController();
    const leaving = bulkhead.run(first.call, abort.signal);
    const staying = bulkhead.run(() => Promise.resolve('served'));
    abort.abort(new Error('no longer needed'));
    await expect(leaving).rejects.toThrow('no longer needed');
    first.end();
    await running;
    await expect(staying).resolves.toBe('served');
    expect(bulkhead.running).toBe(0);
  });

  it('a bulkhead with limits that admit nothing is rejected with the reason', () => {
    expect(() => new Bulkhead('bank', { concurrent: 0, waiting: 0 })).toThrow('give at least 1 place');
  });
});
