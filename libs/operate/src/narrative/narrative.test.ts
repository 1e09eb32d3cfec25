import type { StepWorkView } from '@convergekit/saga/operate';
import { expect, it } from 'vitest';
import { narrate } from './narrative.ts';

/** A call that was made at once: the worker's clock counts milliseconds, and the database's microseconds. */
const work: StepWorkView = {
  kind: 'work',
  at: '2026-12-01T12:00:00.661538+00:00',
  id: 'w',
  step: 'pay',
  op: 'apply',
  consumer: 'payments',
  state: 'answered',
  stuckReason: null,
  dueAt: '2026-12-01T12:00:05Z',
  endedAt: null,
  awaitsQuota: null,
  causeEvent: 'e',
  story: [{ at: '2026-12-01T12:00:00.661Z', op: 'call', durationMs: 0, found: 'applied' }],
};

// Seen to fail with attempts that are placed by the worker's clock alone.
it('a call that ends within the millisecond of its intent comes behind it', () => {
  const saga = { fences: [], journal: [], work: [work] };
  const { entries } = narrate('i', [{ database: 'payments', saga, stored: [], acts: [] }], [], []);
  expect(entries.map(({ kind }) => kind)).toEqual(['work', 'work_attempt']);
});
