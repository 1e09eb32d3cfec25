import { describe, expect, it } from 'vitest';
import { judgeLoopDelay, watchEventLoop } from './event-loop.ts';

describe('the event loop', () => {
  it('the event loop counts as alive after one long pause, and as dead when every timer is late', () => {
    expect(judgeLoopDelay({ meanMs: 12, maxMs: 9_000 })).toEqual({
      ok: true,
      detail: 'timers are 12 ms late on average, 9000 ms at most',
    });
    expect(judgeLoopDelay({ meanMs: 1_500, maxMs: 2_000 }).ok).toBe(false);
  });

  it('the watch of the event loop reports numbers from the start', () => {
    const watch = watchEventLoop();
    try {
      expect(watch.check()).toMatchObject({
        ok: true,
        detail: expect.stringMatching(/^timers are \d+ ms late on average, \d+ ms at most$/) as string,
      });
    } finally {
      watch.stop();
    }
  });
});
