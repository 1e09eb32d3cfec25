import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { ConvergeError } from '@convergekit/core';
import { deadlineHeaders, defaultPolicy, operation, readDeadline } from './index.ts';
import { leftMs } from './deadline.ts';

const policy = { ...defaultPolicy, backoff: { baseMs: 100, factor: 1, capMs: 100 }, attemptTimeoutMs: 5_000 };
const most = (): number => 1 - Number.EPSILON;
const failing = () => new ConvergeError('x', { code: 'X', category: 'network', certainty: 'not_applied' });

describe('a deadline that travels', () => {
  it('S7: a deadline shrinks along a chain: of 800 ms a hop uses 500, and its callee sees at most 300', async () => {
    const clock = manualClock();
    const headers = deadlineHeaders(new Date(clock.now() + 800));
    const deadline = readDeadline(headers['ce_deadline']);
    await clock.advance(500);
    let seen: number | undefined;
    const child = operation({
      name: 'stock.read',
      idempotency: 'idempotent',
      policy,
      call: (_: undefined, context) => {
        seen = leftMs(readDeadline(deadlineHeaders(context.deadline)['ce_deadline']), clock.now());
        return Promise.resolve();
      },
    });
    await child.run(undefined, { clock, random: most, deadline });
    expect(seen).toBe(300);
  });

  it('the effective deadline is the shorter of the attempt’s and the caller’s', async () => {
    const clock = manualClock();
    const seen: number[] = [];
    const child = operation({
      name: 'stock.read',
      idempotency: 'idempotent',
      policy: { ...policy, attemptTimeoutMs: 50 },
      call: (_: undefined, context) => {
        seen.push(leftMs(context.deadline, clock.now()));
        return Promise.resolve();
      },
    });
    await child.run(undefined, { clock, random: most, deadline: new Date(clock.now() + 800) });
    expect(seen).toEqual([50]);
  });

  // Planted fault: a retry that checks only the policy's deadline starts a third attempt here.
  it('S7: no attempt starts when its wait would exceed the deadline', async () => {
    const clock = manualClock();
    const starts: number[] = [];
    const child = operation({
      name: 'stock.read',
      idempotency: 'idempotent',
      policy,
      call: () => {
        starts.push(clock.monotonic());
        return Promise.reject(failing());
      },
    });
    const ended = child.run(undefined, { clock, random: most, deadline: new Date(clock.now() + 150) });
    ended.catch(() => undefined);
    await clock.advance(1_000);
    await expect(ended).rejects.toMatchObject({ code: 'X' });
    expect(starts).toEqual([0, 99]);
  });

  it('nothing is called after the deadline has passed', async () => {
    const clock = manualClock();
    const child = operation({ name: 'x', idempotency: 'idempotent', call: () => Promise.resolve('called') });
    const late = child.run(undefined, { clock, random: most, deadline: new Date(clock.now()) });
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_PASSED', certainty: 'not_applied' });
  });

  it('a deadline header that is not an instant is ignored', () => {
    expect([undefined, null, '', '800', 'soon', '2026-99-99T00:00:00Z'].map(readDeadline)).toEqual(
      new Array(6).fill(undefined),
    );
  });
});
