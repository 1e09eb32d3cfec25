import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, inject, it } from 'vitest';

const program = `
  import { runService, serviceSettings } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
  await runService('holding', serviceSettings, ({ database }) => {
    const done = Promise.withResolvers();
    return [{
      name: 'holding',
      done: done.promise,
      start: async () => {
        await database.acquire();
        process.stdout.write('holds\\n');
      },
      stop: async () => done.resolve(),
    }];
  });
`;

// Planted fault: without a bound on the close, the process waits for its connection for ever.
it('a process ends on a signal although a connection of it is never given back', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, DATABASE_URL: inject('stack').databaseUrl, KAFKA_BROKERS: '127.0.0.1:1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});
