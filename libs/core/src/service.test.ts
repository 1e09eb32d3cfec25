import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { manualClock } from '@convergekit/testing';
import { describe, expect, it, vi } from 'vitest';
import { runServices, type Service } from './index.ts';
import type { RunOptions } from './service.ts';

function recording(
  log: string[],
  name: string,
  change: Partial<Service> = {},
): Service & { die: (error: Error) => void } {
  const done = Promise.withResolvers<undefined>();
  done.promise.catch(() => undefined);
  return {
    name,
    start: () => Promise.resolve(void log.push(`start ${name}`)),
    stop: () => {
      log.push(`stop ${name}`);
      done.resolve(undefined);
      return Promise.resolve();
    },
    done: done.promise,
    die: (error) => done.reject(error),
    ...change,
  };
}

describe('runServices', () => {
  it('runServices starts in order, reports readiness, stops in reverse, and removes its signal handlers', async () => {
    const before = process.listenerCount('SIGTERM');
    const log: string[] = [];
    const options: RunOptions = {
      onReady: () => process.emit('SIGTERM', 'SIGTERM'),
      onStopping: (reason) => log.push(`stopping: ${reason}`),
    };
    await runServices([recording(log, 'a'), recording(log, 'b')], options);
    expect(log).toEqual(['start a', 'start b', 'stopping: SIGTERM', 'stop b', 'stop a']);
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it('runServices stops the other services when one fails, and rejects with its error', async () => {
    const log: string[] = [];
    const dying = recording(log, 'b');
    const running = runServices([recording(log, 'a'), dying], {
      onReady: () => dying.die(new Error('b fell')),
    });
    await expect(running).rejects.toThrow('b fell');
    expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('runServices ends without an error when a service was stopped from outside', async () => {
    const log: string[] = [];
    const ending = recording(log, 'a');
    await runServices([ending], {
      onReady: () => void ending.stop(),
      onStopping: (reason) => log.push(`stopping: ${reason}`),
    });
    expect(log).toEqual(['start a', 'stop a', 'stopping: a', 'stop a']);
  });

  it('runServices stops the services that started when a later one fails to start', async () => {
    const log: string[] = [];
    const failing = recording(log, 'b', { start: () => Promise.reject(new Error('no port')) });
    await expect(runServices([recording(log, 'a'), failing, recording(log, 'c')])).rejects.toThrow('no port');
    expect(log).toEqual(['start a', 'stop a']);
  });

  it('runServices that receives a signal during a start stops that service at once and starts no more', async () => {
    const log: string[] = [];
    const stopped = Promise.withResolvers<undefined>();
    const waiting = recording(log, 'b', {
      start: () => {
        process.emit('SIGINT', 'SIGINT');
        return stopped.promise.then(() => Promise.reject(new Error('stopped before it was ready')));
      },
      stop: () => {
        log.push('stop b');
        stopped.resolve(undefined);
        return Promise.resolve();
      },
    });
    await runServices([recording(log, 'a'), waiting, recording(log, 'c')]);
    expect(log).toEqual(['start a', 'stop b', 'stop a']);
  });

  it('runServices stops its services when its caller aborts, also before their start, and listens to it no longer', async () => {
    const log: string[] = [];
    const caller = new AbortController();
    const removed = vi.spyOn(caller.signal, 'removeEventListener');
    const options: RunOptions = {
      signal: caller.signal,
      onReady: () => caller.abort(),
      onStopping: (reason) => log.push(`stopping: ${reason}`),
    };
    await runServices([recording(log, 'a'), recording(log, 'b')], options);
    expect(log.splice(0)).toEqual(['start a', 'start b', 'stopping: abort', 'stop b', 'stop a']);
    expect(removed).toHaveBeenCalledWith('abort', expect.any(Function));
    const signalled = { ...options, onReady: () => process.emit('SIGTERM', 'SIGTERM') };
    await runServices([recording(log, 'c'), recording(log, 'd')], signalled);
    expect(log).toEqual(['start c', 'stopping: abort', 'stop c']);
  });

  // Planted fault: without a share of the time for each service, the service that stops next is never stopped.
  it('a service that hangs in stop blocks no other; runServices rejects with its name at the deadline', async () => {
    const log: string[] = [];
    const clock = manualClock();
    const hanging = recording(log, 'b', { stop: () => new Promise(() => undefined) });
    const running = runServices([recording(log, 'a'), hanging, recording(log, 'c')], {
      onReady: () => process.emit('SIGTERM', 'SIGTERM'),
      stopDeadlineMs: 30_000,
      clock,
    });
    const outcome = expect(running).rejects.toThrow('the stop of b took longer than 30000 ms');
    await clock.advance(9_999);
    expect(log.filter((line) => line.startsWith('stop'))).toEqual(['stop c']);
    await clock.advance(1);
    expect(log.filter((line) => line.startsWith('stop'))).toEqual(['stop c', 'stop a']);
    await clock.advance(20_000);
    await outcome;
  });

  it('runServices stops the other services even when one stop rejects', async () => {
    const log: string[] = [];
    const broken = recording(log, 'b', { stop: () => Promise.reject(new Error('stuck')) });
    await expect(
      runServices([recording(log, 'a'), broken], { onReady: () => process.emit('SIGTERM', 'SIGTERM') }),
    ).rejects.toThrow('stuck');
    expect(log).toEqual(['start a', 'start b', 'stop a']);
  });
});

describe('a process under runServices', () => {
  /** Source of a service that prints what happens, line by line; its stop waits for a line on stdin. */
  const program = `
    import { runServices } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    const done = Promise.withResolvers();
    // Nothing of it keeps the process alive: its servers are children that are not referenced.
    process.stdin.unref();
    const service = {
      name: 'slow', done: done.promise,
      start: async () => undefined,
      stop: () => new Promise((resolve) => process.stdin.ref().once('data', () => { done.resolve(); resolve(); })),
    };
    await runServices([service], {
      onReady: () => process.stdout.write('ready\\n'),
      onStopping: (reason) => process.stdout.write('stopping ' + reason + '\\n'),
    });
    process.stdout.write('ended\\n');
    process.stdin.destroy();
  `;
  function run(): { child: ChildProcess; next: () => Promise<string>; exit: Promise<unknown[]> } {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, next: async () => String((await lines.next()).value), exit: once(child, 'exit') };
  }

  it('a process under runServices drains on the first signal and exits 0', async () => {
    const { child, next, exit } = run();
    expect(await next()).toBe('ready');
    child.kill('SIGTERM');
    expect(await next()).toBe('stopping SIGTERM');
    child.stdin?.write('go\n');
    expect(await next()).toBe('ended');
    expect(await exit).toEqual([0, null]);
  });

  it('signals that arrive close together count as one: npx forwards the Ctrl-C of the terminal', async () => {
    const { child, next, exit } = run();
    expect(await next()).toBe('ready');
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await next()).toBe('stopping SIGINT');
    child.stdin?.write('go\n');
    expect(await next()).toBe('ended');
    expect(await exit).toEqual([0, null]);
  });

  it('a process under runServices exits at once with 130 on a second signal', async () => {
    const { child, next, exit } = run();
    expect(await next()).toBe('ready');
    child.kill('SIGINT');
    expect(await next()).toBe('stopping SIGINT');
    await vi.waitFor(() => {
      child.kill('SIGINT');
      expect(child.exitCode).toBe(130);
    }, 10_000);
    expect(await exit).toEqual([130, null]);
  });
});
