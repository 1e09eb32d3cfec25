import { describe, expect, it } from 'vitest';
import { decideFence, type FenceFrom, type FenceTrigger } from '../fence/fence.ts';
import { compensationOf } from './apply-to-step.ts';

/** What is counted when a trigger of this operation reaches a step in this state. */
function counted(from: FenceFrom, trigger: FenceTrigger, op: 'apply' | 'compensate') {
  const { state, act } = decideFence(from, trigger);
  const emits = act === 'emit_undone' || trigger === 'stuck' ? 'an-event' : undefined;
  return compensationOf({ op, trigger }, { act, from, state, emits });
}

describe('what counts as a compensation', () => {
  it('an undo that was done counts as undone', () => {
    expect(counted('undo_pending', 'undone', 'compensate')).toBe('undone');
  });

  it('a step that had no effect when it was to be undone counts as noop', () => {
    expect(counted('absent', 'undo', 'compensate')).toBe('noop');
    expect(counted('undo_pending', 'rejected', 'apply')).toBe('noop');
    expect(counted('undo_pending', 'not_applied', 'apply')).toBe('noop');
  });

  it('an undone event that could not be made before is not counted again', () => {
    expect(counted('tombstoned', 'undone', 'compensate')).toBeUndefined();
  });

  it('an undo that waits for an operator counts as stuck, and an apply that does is no compensation', () => {
    expect(counted('undo_pending', 'stuck', 'compensate')).toBe('stuck');
    expect(counted('started', 'stuck', 'apply')).toBeUndefined();
  });

  it('an undo that begins or waits is not counted yet', () => {
    expect(counted('applied', 'undo', 'compensate')).toBeUndefined();
    expect(counted('started', 'undo', 'compensate')).toBeUndefined();
  });
});
