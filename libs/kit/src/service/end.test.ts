import { ConfigError } from '@convergekit/config';
import { ConvergeError } from '@convergekit/core';
import { expect, it } from 'vitest';
import { endOf } from './end.ts';

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
