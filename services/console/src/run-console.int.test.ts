import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';

it('the console logs the address at which it can be opened', async () => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))], {
    env: {
      PATH: process.env['PATH'],
      NODE_OPTIONS: process.env['NODE_OPTIONS'],
      CONVERGE__DATABASES__ORDERS: inject('stack').databaseUrl,
      CONVERGE__CONSOLE__PORT: '0',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  try {
    const address = await waitUntil(() => /"address":"(http:[^"]+)"/.exec(log)?.[1], { what: 'the address' });
    expect(new URL('.', address).href).toBe(address);
    expect((await fetch(address)).status).toBe(200);
  } finally {
    child.kill('SIGTERM');
    await closed;
  }
});
