import { manualClock, stubCall } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';

const bank = (keyed = true) => stubCall({ answer: (cents: number) => `r${cents}`, keyed });
const key = { idempotencyKey: 'k' };
const undo = { undoKey: 'k/undo' };

describe('a stub of an external provider', () => {
  it('a repeated key has one effect and one answer, unless the provider does not honour keys', async () => {
    for (const [keyed, effects] of [
      [true, 1],
      [false, 2],
    ] as const) {
      const stub = bank(keyed);
      expect([await stub.call(5, key), await stub.call(5, key)]).toEqual(['r5', 'r5']);
      expect(stub.ledger()).toHaveLength(effects);
      expect(stub.made).toBe(2);
    }
  });

  it.each([
    ['rejected', 'business', 'not_applied', 0],
    ['not_applied', 'service', 'not_applied', 0],
    ['applied', 'service', 'applied', 1],
    ['unknown_applied', 'network', 'unknown', 1],
    ['unknown_not_applied', 'network', 'unknown', 0],
    ['late', 'network', 'unknown', 0],
  ] as const)(
    'a call that is %s fails as %s, %s, with %i effects',
    async (behaviour, category, certainty, effects) => {
      const stub = bank();
      stub.next(behaviour);
      await expect(stub.call(5, key)).rejects.toMatchObject({ category, certainty });
      expect(stub.ledger()).toHaveLength(effects);
      const found = { rejected: 'rejected', late: 'not_found' }[behaviour as string];
      expect(await stub.query(5, key)).toMatchObject({
        kind: found ?? (effects > 0 ? 'applied' : 'not_found'),
      });
      stub.arrive();
      expect(stub.ledger()).toHaveLength(behaviour === 'late' ? 1 : effects);
    },
  );

  it('the behaviour of all calls follows when that of the next ones is used up', async () => {
    const stub = bank();
    stub.always('not_applied');
    stub.next('ok');
    expect(await stub.call(5, key)).toBe('r5');
    await expect(stub.call(6, { idempotencyKey: 'other' })).rejects.toMatchObject({ code: 'STUB_FAILED' });
  });

  it('an undo is done once, and says what it found', async () => {
    const stub = bank();
    await stub.call(5, key);
    expect(await stub.undo({ call: { key: 'k' } }, undo)).toBe('done');
    expect(await stub.undo({ call: { key: 'k' } }, undo)).toBe('noop_already');
    expect(stub.ledger()).toEqual([{ key: 'k', input: 5, result: 'r5', undone: true }]);
  });

  it('G6r: an undo of a key that no call has is refused by name: a provider would leave the effect where it is', async () => {
    const stub = bank();
    await stub.call(5, key);
    const wrong = stub.undo({ call: { key: undo.undoKey } }, undo);
    await expect(wrong).rejects.toMatchObject({ code: 'STUB_UNKNOWN_KEY', category: 'bug' });
    await expect(wrong).rejects.toThrow("k/undo (the undo's own key)");
    stub.next('not_applied');
    await expect(stub.call(6, { idempotencyKey: 'lost' })).rejects.toMatchObject({ code: 'STUB_FAILED' });
    await expect(stub.undo({ call: { key: 'lost' } }, undo)).rejects.toThrow('the key of no call');
    expect(stub.ledger()).toMatchObject([{ key: 'k', undone: false }]);
  });

  it('a call takes its time by the clock of the test', async () => {
    const clock = manualClock();
    const stub = stubCall({ answer: () => null, delayMs: 100, clock });
    const called = stub.call(undefined, key);
    await clock.advance(99);
    expect(stub.ledger()).toHaveLength(0);
    await clock.advance(1);
    expect(await called).toBeNull();
  });
});
