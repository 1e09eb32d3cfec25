import { expect, it } from 'vitest';
import { previewOf, resume } from './resume.ts';

const at = (code: string, partition: number) => ({
  topic: 'orders',
  partition,
  halted: { code, reason: '', at: new Date(0) },
});
const halts = ['gap', 'topic_recreated', 'fork'].map(at);
const plain = { continue: false, from: undefined, reject: undefined };

// Planted fault: a partition whose log lost its place counts as one that can be resumed.
it('a partition whose log lost its place is left alone until an operator says where to begin', () => {
  expect(previewOf(halts, plain, true)).toMatchObject({ eligible: 2, others: [{ count: 1 }, { count: 0 }] });
  expect(previewOf(halts, { ...plain, from: 'earliest' }, true)).toMatchObject({ eligible: 3 });
  expect(previewOf(halts, plain, false)).toMatchObject({ eligible: 0 });
});

it('what can be passed is offered, and asked for once more where it is', () => {
  const { consents } = previewOf(halts, plain, true);
  expect(consents?.map(({ field }) => field)).toEqual(['continue', 'from']);
  expect(previewOf(halts, { ...plain, continue: true }, true).effect).toContain(
    'What is missing there is recorded as a gap',
  );
  expect([true, false].map((passes) => resume.asks?.({ ...plain, continue: passes }))).toEqual([true, false]);
});
