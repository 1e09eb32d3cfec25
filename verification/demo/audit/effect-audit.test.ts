import { describe, expect, it } from 'vitest';
import { findMissingEffects, findWrongEffects } from './effect-audit.ts';
import type { Effect, LogRecord, OutboxRow } from './facts.ts';

const written = (eventId: string, type: string): OutboxRow => ({
  source: 'orders',
  id: 1n,
  eventId,
  topic: 't',
  key: 'k',
  type,
  createdAtMs: 0, // prettier-ignore
});
const effect = (consumer: string, eventId: string): Effect => ({ consumer, eventId, type: 'x', atMs: 0 });
const inLog = (id: string, type: string, payload: unknown = {}): LogRecord => ({
  topic: 't',
  partition: 0,
  offset: 0n,
  key: 'k',
  headers: { ce_id: id, ce_type: type },
  payload: JSON.stringify(payload), // prettier-ignore
});
const subscriptions = [
  { consumer: 'inventory', type: 'placed' },
  { consumer: 'orders', type: 'converge.failure', failure: { of: 'inventory', type: 'placed' } },
];
const failure = inLog('f1', 'converge.failure', {
  consumer: 'inventory',
  event: { id: 'e1', type: 'placed' },
});

describe('the audit of effects', () => {
  it('takes one effect for one event for right', () => {
    const outbox = [written('e1', 'placed')];
    expect(findWrongEffects(outbox, [effect('inventory', 'e1'), effect('payments', 'e1')])).toEqual([]);
    expect(findMissingEffects([inLog('e1', 'placed')], [effect('inventory', 'e1')], subscriptions)).toEqual(
      [],
    );
  });

  it('names an effect that happened twice', () => {
    const findings = findWrongEffects(
      [written('e1', 'placed')],
      [effect('inventory', 'e1'), effect('inventory', 'e1')],
    );
    expect(findings).toEqual([
      { kind: 'effect_twice', message: 'inventory took effect 2 times for event e1' },
    ]);
  });

  it('names an effect of an event that nobody wrote', () => {
    expect(findWrongEffects([], [effect('inventory', 'e7')]).map(({ kind }) => kind)).toEqual([
      'effect_invented',
    ]);
  });

  it('names an event that a consumer passed over', () => {
    expect(findMissingEffects([inLog('e1', 'placed')], [], subscriptions)).toEqual([
      {
        kind: 'effect_missing',
        message: 'inventory neither took effect for event e1 (placed) nor declared why not',
      },
    ]);
  });

  it('accepts a declared failure instead, if its compensation took effect', () => {
    const log = [inLog('e1', 'placed'), failure];
    expect(findMissingEffects(log, [effect('orders', 'f1')], subscriptions)).toEqual([]);
    expect(findMissingEffects(log, [], subscriptions).map(({ message }) => message)).toEqual([
      'orders neither took effect for event f1 (failure of placed) nor declared why not',
    ]);
  });
});
