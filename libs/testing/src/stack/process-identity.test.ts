import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { identityOf, isAlive } from './process-identity.ts';

it('a process is identified by pid, start time and command line together', () => {
  const self = identityOf(process.pid)!;
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, startedAt: '1' })).toBe(false);
  expect(isAlive({ ...self, command: 'another program' })).toBe(false);
});

it('a process that has ended is not identified as a living one', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await once(child, 'spawn');
  const identity = identityOf(child.pid!)!;
  expect(isAlive(identity)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(identity)).toBe(false);
});
