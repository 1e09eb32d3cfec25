import { expect, it } from 'vitest';
import { verdictOf } from './verdict.ts';

it('a configuration has to pass, and a control has to break its own invariant', () => {
  const passed = { kind: 'passed' } as const;
  const once = { kind: 'violated', invariant: 'Once' } as const;
  expect(verdictOf(passed, undefined)).toEqual({ isGood: true, text: 'passes' });
  expect(verdictOf(once, 'Once')).toEqual({ isGood: true, text: 'breaks Once' });
  expect(verdictOf(passed, 'Once')).toEqual({ isGood: false, text: 'PASSES, and has to break Once' });
  expect(verdictOf(once, 'NoLoss')).toEqual({ isGood: false, text: 'BREAKS Once, and has to break NoLoss' });
  expect(verdictOf(once, undefined)).toEqual({ isGood: false, text: 'BREAKS Once, and has to pass' });
  expect(verdictOf({ kind: 'failed', why: 'no memory' }, 'Once').isGood).toBe(false);
});
