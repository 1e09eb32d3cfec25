import { describe, expect, it } from 'vitest';
import { type Effect, findMissingEffects, findWrongEffects, type StepFact } from './effects.ts';
import type { LogRecord } from './facts.ts';

const written = (eventId: string, type: string) => ({ eventId, type });
const effect = (consumer: string, eventId: string, act = 'handle'): Effect => ({
  consumer,
  act,
  eventId,
  type: 'x',
  atMs: 0,
});
const inLog = (id: string, type: string, payload: unknown = {}): LogRecord => ({
  topic: 't',
  partition: 0,
  offset: 0,
  appendedAtMs: 0,
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
  it('the audit accepts one effect for one event', () => {
    const outbox = [written('e1', 'placed')];
    expect(findWrongEffects(outbox, [effect('inventory', 'e1'), effect('payments', 'e1')])).toEqual([]);
    expect(
      findMissingEffects([inLog('e1', 'placed')], [effect('inventory', 'e1')], subscriptions, []),
    ).toEqual([]);
  });

  it('the audit names an effect that happened twice', () => {
    const findings = findWrongEffects(
      [written('e1', 'placed')],
      [effect('inventory', 'e1'), effect('inventory', 'e1')],
    );
    expect(findings).toEqual([
      { kind: 'effect_twice', message: 'inventory did handle 2 times for event e1' },
    ]);
  });

  it('the audit names an effect of an event that was never written', () => {
    expect(findWrongEffects([], [effect('inventory', 'e7')]).map(({ kind }) => kind)).toEqual([
      'effect_invented',
    ]);
  });

  it('the audit names an event that a consumer skipped', () => {
    expect(findMissingEffects([inLog('e1', 'placed')], [], subscriptions, [])).toEqual([
      {
        kind: 'effect_missing',
        message: 'inventory neither took effect for event e1 (placed) nor declared why not',
      },
    ]);
  });

  it('the audit accepts a declared failure in place of an effect, if its compensation took effect', () => {
    const log = [inLog('e1', 'placed'), failure];
    expect(findMissingEffects(log, [effect('orders', 'f1')], subscriptions, [])).toEqual([]);
    expect(findMissingEffects(log, [], subscriptions, []).map(({ message }) => message)).toEqual([
      'orders neither took effect for event f1 (failure of placed) nor declared why not',
    ]);
  });

  describe('the audit of the steps of a saga', () => {
    const steps = [{ consumer: 'inventory', type: 'placed', step: 'reserve' }];
    const fence = (state: string): StepFact => ({
      consumer: 'inventory',
      step: 'reserve',
      instance: 'e1',
      state,
    });
    const log = [inLog('e1', 'placed')];
    const kinds = (effects: Effect[], fences: StepFact[]): string[] =>
      findMissingEffects(log, effects, steps, fences).map(({ message }) => message);

    it('the audit accepts a decided step, and an applied step whose effect is there', () => {
      expect(kinds([effect('inventory', 'e1', 'apply')], [fence('applied')])).toEqual([]);
      expect(kinds([], [fence('rejected')])).toEqual([]);
      const later = {
        ...inLog('e2', 'placed'),
        headers: { ce_id: 'e2', ce_type: 'placed', ce_saga: 's/1/e1' },
      };
      expect(findMissingEffects([later], [], steps, [fence('tombstoned')])).toEqual([]);
    });

    it('the audit names a step that was skipped, or that is recorded as applied without an effect', () => {
      expect(kinds([], [])).toEqual(['inventory decided nothing for event e1 (placed)']);
      expect(kinds([], [fence('applied')])).toEqual([
        'inventory says it applied, but took no effect for event e1 (placed)',
      ]);
    });

    it('the audit names an undo of a step that was not done, and an undo that was done twice', () => {
      const undo = effect('inventory', 'e1', 'compensate');
      const outbox = [written('e1', 'placed')];
      expect(findWrongEffects(outbox, [effect('inventory', 'e1', 'apply'), undo])).toEqual([]);
      expect(findWrongEffects(outbox, [undo]).map(({ kind }) => kind)).toEqual(['effect_invented']);
      const twice = [effect('inventory', 'e1', 'apply'), undo, undo];
      expect(findWrongEffects(outbox, twice).map(({ kind }) => kind)).toEqual(['effect_twice']);
    });
  });
});
