import { describe, expect, it } from 'vitest';
import { renderHistory } from './render-history.ts';
import { waitText } from './story-text.ts';
import { failuresIn, historyOf } from './history.ts';
import type { StoredPark } from './attempt-sql.ts';
import { at, event, attempt, GIVEN, applied, passed } from '../../../cli/src/fixture/stored-history.ts';

describe('the history of an event', () => {
  it('the history of an event that was applied at once says that each consumer passed it', () => {
    const chapters = [{ database: 'orders', stored: [event()] }];
    const deliveries = [
      passed('inventory'),
      passed('mail', { passed: false }),
      passed('search', { passed: false, halted: 'gap' }),
    ];
    expect(renderHistory(historyOf('e-1', chapters, deliveries, GIVEN)).join('\n')).toMatchInlineSnapshot(`
      "event e-1: shop.order.placed, key o-1, topic shop.orders

      2026-01-02T03:04:05.000Z  orders     emitted to shop.orders: published, position 1.7.42
                                inventory  passed it without a failed attempt: applied at once, or of a type that it does not handle
                                mail       has not read it yet
                                search     has not read it: its partition is halted (gap)

      now: inventory passed, mail not yet, search not yet
      read from shop"
    `);
  });

  it('the history of an event that was applied after two waits shows each attempt and each wait', () => {
    const asked = { rule: 'retry_after', computedMs: 700, hintMs: 700, capMs: 5_600 };
    const busy = { category: 'throttle', certainty: 'not_applied', code: 'HTTP_429', message: 'slow down' };
    const payments = [
      attempt(1, 120),
      attempt(2, 170, { failure: busy, wait: asked }),
      attempt(3, 890, applied),
    ];
    const chapters = [
      { database: 'payments', stored: payments },
      { database: 'orders', stored: [event()] },
    ];
    // The watermark says nothing more of payments than its attempts do.
    expect(renderHistory(historyOf('e-1', chapters, [passed('payments')], GIVEN)).join('\n'))
      .toMatchInlineSnapshot(`
        "event e-1: shop.order.placed, key o-1, topic shop.orders

        2026-01-02T03:04:05.000Z  orders    emitted to shop.orders: published, position 1.7.42
        +0.120 s                  payments  attempt 1 of shop.order.placed: failed after 12 ms with ECONNRESET (network, not_applied) "the bank hung up"; tried again
                                              waited 34 ms: backoff, at most 50 ms
        +0.170 s                  payments  attempt 2 of shop.order.placed: failed after 12 ms with HTTP_429 (throttle, not_applied) "slow down"; tried again
                                              waited 700 ms: retry_after, at most 5.6 s, asked for 700 ms
        +0.890 s                  payments  attempt 3 of shop.order.placed: applied in 12 ms

        now: payments applied
        read from shop"
      `);
  });

  it('the wait after an attempt of a call shows how much of the retry budget was left', () => {
    const wait = { rule: 'backoff', computedMs: 34, capMs: 50, budgetLeft: 0.97 };
    expect(waitText(wait)).toBe('waited 34 ms: backoff, at most 50 ms, 97 % of the retry budget left');
  });

  it('the history of an event that was parked and drained shows how long it waited behind its key', () => {
    const slow = {
      rule: 'slow_schedule',
      computedMs: 61_000,
      hintMs: null,
      capMs: 120_000,
    };
    const stored = [
      attempt(1, 120),
      attempt(2, 170, { outcome: 'park', wait: null }),
      attempt(3, 1_200, { wait: slow }),
      attempt(4, 62_300, { ...applied, parkedAt: at(190) }),
    ];
    const waiting: StoredPark = {
      kind: 'parked',
      at: at(190),
      consumer: 'payments',
      handler: 'shop.order.placed',
      eventId: 'e-2',
      key: 'o-1',
      place: 'shop.orders/3 at 42',
      state: 'waiting',
      run: 0,
      note: null,
      changedAt: at(190),
      ahead: 1,
      nextAt: at(1_200),
      failureEvent: null,
    };
    const drained = [{ database: 'shop', stored: [event(), ...stored] }];
    expect(renderHistory(historyOf('e-1', drained, [], GIVEN)).join('\n')).toMatchInlineSnapshot(`
      "event e-1: shop.order.placed, key o-1, topic shop.orders

      2026-01-02T03:04:05.000Z  shop      emitted to shop.orders: published, position 1.7.42
      +0.120 s                  payments  attempt 1 of shop.order.placed: failed after 12 ms with ECONNRESET (network, not_applied) "the bank hung up"; tried again
                                            waited 34 ms: backoff, at most 50 ms
      +0.170 s                  payments  attempt 2 of shop.order.placed: failed after 12 ms with ECONNRESET (network, not_applied) "the bank hung up"; its key was parked
      +1.200 s                  payments  attempt 3 of shop.order.placed: failed after 12 ms with ECONNRESET (network, not_applied) "the bank hung up"; tried again
                                            waited 1 min 1 s: slow_schedule, at most 2 min
      +62.300 s                 payments  attempt 4 of shop.order.placed: applied in 12 ms by a drain, after 1 min 2 s in line

      now: payments applied
      read from shop"
    `);
    const behind = [{ database: 'shop', stored: [event({ eventId: 'e-2' }), waiting] }];
    expect(renderHistory(historyOf('e-2', behind, [], GIVEN)).join('\n')).toMatchInlineSnapshot(`
      "event e-2: shop.order.placed, key o-1, topic shop.orders

      2026-01-02T03:04:05.000Z  shop      emitted to shop.orders: published, position 1.7.42
      +0.190 s                  payments  parked: behind 1 of its key

      now: payments waiting
      read from shop"
    `);
  });

  it('S24: the history of a dead letter shows the failure event and the compensation by another consumer', () => {
    const declined = {
      category: 'business',
      certainty: 'not_applied',
      code: 'DECLINED',
      message: 'card declined',
    };
    const failure = event({
      kind: 'caused',
      at: at(140),
      eventId: 'f-1',
      type: 'converge.failure',
      topic: 'payments.failures',
      causationId: 'e-1',
      attemptId: 'a-1',
      source: 'payments',
    });
    const undone = attempt(1, 300, {
      ...applied,
      id: 'a-9',
      consumer: 'orders',
      handler: 'failure:payments:shop.order.placed',
      phase: 'failure',
      eventId: 'f-1',
      durationMs: 4,
      causedBy: 'a-1',
    });
    const cancelled = event({
      kind: 'caused',
      at: at(304),
      eventId: 'e-9',
      type: 'shop.order.cancelled',
      causationId: 'f-1',
      attemptId: 'a-1',
      published: false,
      position: null,
    });
    const chapters = [
      { database: 'orders', stored: [event()] },
      {
        database: 'payments',
        stored: [attempt(1, 120, { outcome: 'reject', failure: declined, wait: null }), failure],
      },
      // The second question, for the failure event.
      { database: 'orders', stored: [undone, cancelled] },
      { database: 'payments', stored: [{ ...failure, kind: 'emitted' as const }] },
    ];
    expect(failuresIn(chapters.slice(0, 2))).toEqual(['f-1']);
    expect(renderHistory(historyOf('e-1', chapters, [], GIVEN)).join('\n')).toMatchInlineSnapshot(`
      "event e-1: shop.order.placed, key o-1, topic shop.orders

      2026-01-02T03:04:05.000Z  orders    emitted to shop.orders: published, position 1.7.42
      +0.120 s                  payments  attempt 1 of shop.order.placed: failed after 12 ms with DECLINED (business, not_applied) "card declined"; rejected, its key continues
      +0.140 s                  payments  failure event f-1 to payments.failures, because of attempt 1 of payments: published, position 1.7.42
      +0.300 s                  orders    failure, attempt 1 of failure:payments:shop.order.placed: applied in 4 ms, because of attempt 1 of payments
      +0.304 s                  orders    compensation emitted: shop.order.cancelled e-9 to shop.orders, because of attempt 1 of payments: no tick of the relay has it yet

      now: payments reject
      read from shop"
    `);
  });

  it('the history of an event whose outbox row is gone still shows its attempts and the acts of operators', () => {
    const again = event({ kind: 'again', at: at(90_000), eventId: 'e-7', position: null, published: false });
    const stored = [attempt(1, 120, { outcome: 'dead', run: 1, wait: null }), again];
    expect(renderHistory(historyOf('e-1', [{ database: 'shop', stored }], [], GIVEN)).join('\n'))
      .toMatchInlineSnapshot(`
        "event e-1 (its outbox row is not in these databases, or not retained)

        2026-01-02T03:04:05.120Z  payments  attempt 1 of run 1 of shop.order.placed: failed after 12 ms with ECONNRESET (network, not_applied) "the bank hung up"; given up as a dead letter
        +89.880 s                 shop      emitted again by an operator as e-7: no tick of the relay has it yet

        now: payments dead
        read from shop"
      `);
  });

  it('the history of an event whose call was made twice within a millisecond shows both calls, each once', () => {
    const call = (number: number) => {
      const of = {
        consumer: 'mail',
        eventId: 'e-1',
        call: 'mail.send',
        op: 'call',
        durationMs: 0,
      } as const;
      return { kind: 'call_attempt', at: at(9), id: 'w-1', number, ...of } as const;
    };
    const chapters = [
      { database: 'shop', stored: [event(), call(1), call(2)] },
      // The second question, for a failure event.
      { database: 'shop', stored: [call(1), call(2)] },
    ];
    const calls = historyOf('e-1', chapters, [], GIVEN).entries.filter(({ kind }) => kind === 'call_attempt');
    expect(calls).toMatchObject([{ number: 1 }, { number: 2 }]);
  });
});
