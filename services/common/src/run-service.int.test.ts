import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';

const holding = `
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

// Planted fault: without a bound on the close, the process waits for its connection forever.
it('a process ends on a signal although one of its connections is never released', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', holding], {
    env: { ...process.env, DATABASE_URL: inject('stack').databaseUrl, KAFKA_BROKERS: '127.0.0.1:1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

const failing = `
  import { runService, serviceSettings } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
  await runService('failing', serviceSettings, ({ database }) => {
    const done = Promise.withResolvers();
    return [{
      name: 'failing',
      done: done.promise,
      start: async () => {
        const { executor } = database;
        void executor.query("with t as (insert into canary values ('canary-4f1b'), ('canary-4f1b') returning 1) select from t");
      },
      stop: async () => done.resolve(),
    }];
  });
`;

// Planted fault: without `exitOnUncaught` Node prints the error with `detail`, which quotes the row.
it('an uncaught error of Postgres ends the process with one line that quotes no row', async () => {
  const url = await freshDatabase(inject('stack').databaseUrl);
  const database = connect({ url });
  await database.executor.query('create table canary (email text primary key)');
  await database.close();
  const child = spawn(process.execPath, ['--input-type=module', '--eval', failing], {
    env: { ...process.env, LOG_LEVEL: 'fatal', DATABASE_URL: url, KAFKA_BROKERS: '127.0.0.1:1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(stderr).not.toContain('canary-4f1b');
  const [line = '', ...others] = stderr.trimEnd().split('\n');
  expect(others).toEqual([]);
  expect(JSON.parse(line)).toMatchObject({
    level: 'fatal',
    name: 'failing',
    origin: 'unhandledRejection',
    err: { code: '23505', message: expect.stringContaining('canary_pkey') as string },
  });
});
