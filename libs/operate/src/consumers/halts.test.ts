import { expect, it } from 'vitest';
import { haltLines, partitionState, stateText } from './halts.ts';

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

it('the state of a consumer says whether a process runs, and what is paused is not halted as well', () => {
  const sum = { halted: 0, paused: 0, waiting: 0, partitions: 3, processes: 1 };
  expect(stateText(sum)).toBe('runs');
  expect(stateText({ ...sum, paused: 3 })).toBe('paused');
  expect(stateText({ ...sum, halted: 1, paused: 2 })).toBe('1 of 3 halted, 2 of 3 paused');
  expect(stateText({ ...sum, waiting: 2 })).toBe('2 of 3 waiting');
  // Planted fault: a consumer that no process runs any more was shown as running.
  expect(stateText({ ...sum, processes: 0 })).toBe('no process in its group');
  expect(stateText({ ...sum, processes: null })).toBe('not halted');
});

it('the state of a partition is its halt, else that no process runs, else what its owner waits for', () => {
  const runs = { halted: null, waits: null, processes: 1 };
  const waits = { code: 'systemic_fault' };
  expect(
    [
      { ...runs, halted: { code: 'operator_paused' } },
      { ...runs, halted: { code: 'gap' }, waits },
      { ...runs, waits, processes: 0 },
      { ...runs, waits },
      runs,
      { ...runs, processes: null },
    ].map(partitionState),
  ).toEqual([
    'paused',
    'halted: gap',
    'no process in its group',
    'waiting: systemic_fault',
    'runs',
    'not halted',
  ]);
});
