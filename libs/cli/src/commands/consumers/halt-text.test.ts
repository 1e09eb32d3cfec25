import { expect, it } from 'vitest';
import { haltLines, partitionState, stateText } from './halt-text.ts';

it('partitions that are halted for one reason are one line', () => {
  const at = (partition: number, reason: string) => ({
    consumer: 'stock',
    topic: 'orders',
    partition,
    reason,
  });
  expect(haltLines([at(0, 'a'), at(1, 'b'), at(2, 'a')])).toEqual([
    'stock at orders/0, orders/2: a',
    'stock at orders/1: b',
  ]);
});

it('a paused consumer is paused, and not halted as well', () => {
  expect(stateText({ halted: 0, paused: 3, partitions: 3 })).toBe('paused');
  expect(stateText({ halted: 1, paused: 2, partitions: 3 })).toBe('1 of 3 halted, 2 of 3 paused');
  // Planted fault: a consumer that no process runs any more was shown as running.
  expect(stateText({ halted: 0, paused: 0, partitions: 3 })).toBe('not halted');
  expect([{ code: 'operator_paused' }, { code: 'gap' }, null].map(partitionState)).toEqual([
    'paused',
    'halted: gap',
    'not halted',
  ]);
});
