import { execFileSync } from 'node:child_process';
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

  // Planted fault: with timers 20 ms apart, the process waits 150 times in its three seconds.
  it('the watch of the event loop seldom wakes a process that has nothing to do', () => {
    const source = JSON.stringify(new URL('event-loop.ts', import.meta.url));
    const waits = execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `const { watchEventLoop } = await import(${source});
         const waits = () => process.resourceUsage().voluntaryContextSwitches;
         const watch = watchEventLoop();
         await new Promise((resolve) => setTimeout(resolve, 1_000));
         const before = waits();
         await new Promise((resolve) => setTimeout(resolve, 3_000));
         console.log(waits() - before);
         watch.stop();`,
      ],
      { encoding: 'utf8' },
    );
    expect(Number(waits)).toBeLessThan(75);
  });
});
