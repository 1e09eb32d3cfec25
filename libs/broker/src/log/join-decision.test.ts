import { describe, expect, it } from 'vitest';
import { announce, type GroupState, type MemberState, nextStep } from './join-decision.ts';

const member = (id: string, extra: Partial<MemberState> = {}): MemberState => ({
  id,
  topics: ['orders'],
  sessionMs: 10_000,
  expired: false,
  waiting: false,
  assigned: [],
  ...extra,
});

const group = (...members: readonly MemberState[]): GroupState => ({
  version: 4n,
  generation: 2n,
  members,
  partitions: new Map([['orders', 3]]),
});

describe('joining a group', () => {
  it('the first member completes the round at once and gets every partition', () => {
    const change = announce(group(), member('a'));
    expect(change).toMatchObject({ completes: true, removed: [] });
    expect(change.members.map(({ id, assigned }) => [id, assigned.length])).toEqual([['a', 3]]);
  });

  it('a second member makes the first one join again, and is written as waiting only', () => {
    const change = announce(group(member('a')), member('b'));
    expect(change.completes).toBe(false);
    expect(change.members.map(({ id, waiting }) => [id, waiting])).toEqual([['b', true]]);
  });

  it('the last member that joins completes the round for all of them, with an even share each', () => {
    const change = announce(group(member('a'), member('b', { waiting: true })), member('a'));
    expect(change.completes).toBe(true);
    expect(change.members.map(({ id, waiting, assigned }) => [id, waiting, assigned.length]).sort()).toEqual([
      ['a', false, 2],
      ['b', false, 1],
    ]);
  });

  it('a member that is silent for its session is removed, and is not waited for', () => {
    const change = announce(group(member('dead', { expired: true })), member('b'));
    expect(change).toMatchObject({ completes: true, removed: ['dead'] });
    expect(change.members.map(({ id }) => id)).toEqual(['b']);
  });

  it('a waiting member waits while another has not joined, and completes the round when that one expires', () => {
    const waiting = member('b', { waiting: true });
    expect(nextStep(group(member('a'), waiting), 'b')).toEqual({ kind: 'wait' });
    const step = nextStep(group(member('a', { expired: true }), waiting), 'b');
    expect(step).toMatchObject({ kind: 'write', change: { completes: true, removed: ['a'] } });
  });

  it('a member whose round was completed by another has its assignment', () => {
    const assigned = [{ topic: 'orders', partition: 1 }];
    expect(nextStep(group(member('b', { assigned })), 'b')).toEqual({ kind: 'joined', assigned });
  });

  it('a member that the group removed while it waited has to begin again', () => {
    expect(nextStep(group(member('a')), 'b')).toEqual({ kind: 'removed' });
  });
});
