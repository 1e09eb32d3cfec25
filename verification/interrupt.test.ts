import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';

const waiting = `
  import { interrupted, interruption } from ${JSON.stringify(new URL('./interrupt.ts', import.meta.url).href)};
  const signal = interruption();
  process.stdout.write('up\\n');
  await interrupted(signal);
  process.stdout.write(signal.reason.message + '\\n');
  process.exit(0);
`;

it('a program that has nothing left to do but to wait for Ctrl-C stays up until then', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', waiting], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('up');
  child.kill('SIGINT');
  expect((await lines.next()).value).toBe('stopped by SIGINT');
  expect(await ended).toEqual([0, null]);
});
