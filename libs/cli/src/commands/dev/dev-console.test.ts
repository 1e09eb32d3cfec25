import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { consoleProcess, findConsole } from './dev-console.ts';

it('the console of a developer has the databases and the log of the services, ports of its own, and a token', () => {
  const env = { DATABASE_URL: 'postgres://h/d', CONVERGE__BROKER: 'local', CONVERGE__HEALTH__PORT: '9001' };
  expect(
    consoleProcess(
      env,
      { shop: 'postgres://h/d', bank: 'postgres://h/e' },
      { bin: '/c.js', port: 7_171, token: 't' },
    ),
  ).toEqual({
    name: 'the console',
    args: ['/c.js'],
    env: {
      ...env,
      LOG_LEVEL: 'warn',
      CONVERGE__HEALTH__PORT: '0',
      CONVERGE__CONSOLE__PORT: '7171',
      CONVERGE__CONSOLE__TOKENS__DEVELOPER: 't',
      CONVERGE__DATABASES__SHOP: 'postgres://h/d',
      CONVERGE__DATABASES__BANK: 'postgres://h/e',
    },
  });
});

it('a service without the console does without it', () => {
  expect(findConsole(tmpdir())).toBeUndefined();
});
