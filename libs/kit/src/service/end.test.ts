import { ConfigError } from '@convergekit/config';
import { defineEvent } from '@convergekit/contracts';
import { ConvergeError } from '@convergekit/core';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { ServiceDefinition } from './definition.ts';
import { endOf } from './end.ts';
import { runService } from './run-service.ts';

const issue = { source: 'not set', message: 'expected string', fix: 'Set it' };

it('a service that ends by wrong settings has exit code 78, and one line with every issue', () => {
  const end = endOf(
    new ConfigError([
      { ...issue, path: 'database.url' },
      { ...issue, path: 'http' },
    ]),
  );
  expect(end.exitCode).toBe(78);
  expect(end.line).toBe(
    'the configuration has 2 errors: database.url (not set): expected string. Set it. http (not set): expected string. Set it.',
  );
});

it('a service that ends by an explained error logs its code without a stack, and a bug with its stack', () => {
  const refused = new ConvergeError('no such topic', {
    code: 'TOPIC_MISSING',
    category: 'configuration',
    certainty: 'not_applied',
  });
  expect(endOf(refused)).toEqual({
    exitCode: 78,
    line: 'no such topic',
    fields: { code: 'TOPIC_MISSING', category: 'configuration' },
  });
  const bug = new TypeError('x is not a function');
  expect(endOf(bug)).toEqual({ exitCode: 1, line: 'x is not a function', fields: { err: bug } });
});

const asked = defineEvent('trial.asked', {
  version: 1,
  topic: 'trial',
  key: ({ k }: { k: string }) => k,
  data: z.object({ k: z.string() }),
});
const database = { DATABASE_URL: 'postgres://h/d' };
it.each<[string, ServiceDefinition<object>, Record<string, string>, string[], string]>([
  ['an unknown variable', { relay: true }, { CONVERGE__HELTH__PORT: '1' }, [], 'HEALTH__PORT'],
  ['an unreadable command line', { relay: true }, {}, ['--health.port'], 'has no value'],
  ['an unknown flag', { relay: true }, {}, ['--helth.port=1'], 'no such setting'],
  ['no broker', { relay: true }, database, [], 'no broker is set: give KAFKA_BROKERS'],
  ['no broker for the relay of its events', { emits: [asked] }, database, [], 'declare `relay: false`'],
  ['nothing to run', {}, database, [], 'it has nothing to run'],
])('a service with %s is refused with exit code 78, and one line that names it', async (...row) => {
  const [, definition, env, argv, text] = row;
  const running = runService('trial', definition, { env, argv });
  const end = endOf(await running.catch((error: unknown) => error));
  expect(end).toMatchObject({ exitCode: 78, line: expect.stringContaining(text) as string });
  expect(end.fields).not.toHaveProperty('err');
});
