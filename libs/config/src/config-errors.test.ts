import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, loadConfig } from './index.ts';
import type { LoadConfigOptions } from './config.ts';
import { schema } from './fixture/config-schema.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function file(content: string, name = 'converge.yaml'): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}
function errorOf(env: LoadConfigOptions['env'], more: Partial<LoadConfigOptions> = {}): ConfigError {
  try {
    loadConfig(schema, { env, ...more });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('there was no error');
}

describe('errors', () => {
  it('a configuration error lists every issue with path, source, value and fix, and exits with 78', () => {
    const yaml = file('relay:\n  pol: { maxMs: 30 }\n  enabled: 5\nlog: 3\n');
    const error = errorOf(
      {
        CONVERGE__RELAY__POLL__MAXX_MS: '1',
        CONVERGE__RELAY__POLL__MAX_MS: 'abc',
        LOG_LEVEL: 'loud',
        DATABASE_URL: 'mysql://x',
      },
      { file: yaml, flags: { 'relay.poll.minMss': 3, 'database.port': '0' } },
    );
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      exitCode: 78,
      category: 'configuration',
      certainty: 'not_applied',
    });
    const shown = (path: string) => error.issues.filter((one) => one.path === path);
    expect(shown('relay.pol')).toEqual([
      {
        path: 'relay.pol',
        source: `file ${yaml}`,
        message: 'no such setting',
        fix: 'Did you mean relay.poll?',
      },
    ]);
    expect(shown('log')).toMatchObject([
      { message: expect.stringContaining('a group of settings is expected here, not a number') },
    ]);
    expect(shown('CONVERGE__RELAY__POLL__MAXX_MS')).toMatchObject([
      { fix: 'Did you mean CONVERGE__RELAY__POLL__MAX_MS?' },
    ]);
    expect(shown('relay.poll.minMss')).toMatchObject([
      { source: 'flag relay.poll.minMss', fix: 'Did you mean relay.poll.minMs?' },
    ]);
    expect(shown('relay.poll.maxMs')).toMatchObject([
      {
        value: '"abc"',
        source: 'environment CONVERGE__RELAY__POLL__MAX_MS',
        fix: 'Change it in environment CONVERGE__RELAY__POLL__MAX_MS',
      },
    ]);
    expect(shown('relay.enabled')).toMatchObject([{ value: '5', source: `file ${yaml}` }]);
    expect(shown('log.level')).toMatchObject([{ value: '"loud"', source: 'environment LOG_LEVEL' }]);
    expect(shown('database.url')).toMatchObject([
      { value: '"mysql://x"', source: 'environment DATABASE_URL' },
    ]);
    expect(shown('database.port')).toMatchObject([{ value: '0', source: 'flag database.port' }]);
    expect(error.issues).toHaveLength(9);
    expect(error.message).toContain('the configuration has 9 errors:\n- relay.pol (file');
  });

  it('the error of a missing setting names the variables that set it', () => {
    const needy = z.object({ database: z.object({ url: z.string() }) });
    const load_ = () => loadConfig(needy, { env: {} });
    expect(load_).toThrow('database.url (not set)');
    expect(load_).toThrow('Set CONVERGE__DATABASE__URL or DATABASE_URL, or database.url in the file.');
  });

  it('an error of one setting against another names the source of both', () => {
    const [issue] = errorOf({ CONVERGE__RELAY__POLL__MIN_MS: '30' }).issues;
    expect(issue).toMatchObject({ path: 'relay.poll.minMs', value: '30', message: 'minMs is above maxMs' });
  });

  it('an error inside a list names the setting that holds the list', () => {
    const [issue] = errorOf({ KAFKA_BROKERS: 'a:1,b' }).issues;
    expect(issue).toMatchObject({
      path: 'kafka.brokers.1',
      source: 'environment KAFKA_BROKERS',
      value: '["a:1","b"]',
    });
  });

  it.each<[string, () => ConfigError, string]>([
    [
      'a file that is not there',
      () => errorOf({}, { file: join(dir, 'none.yaml') }),
      'the file cannot be read',
    ],
    ['a file that is no YAML', () => errorOf({}, { file: file('a: [', 'bad.yaml') }), 'the file is not YAML'],
    [
      'a name twice',
      () => errorOf({}, { file: file('log: {}\nlog: {}\n', 'twice.yaml') }),
      'DUPLICATE_KEY at line 2, column 1',
    ],
    [
      'a file with a list',
      () => errorOf({}, { file: file('- 1\n', 'list.yaml') }),
      'a group of settings is expected',
    ],
    [
      'a billion laughs',
      () => errorOf({}, { file: file(laughs(), 'laughs.yaml') }),
      'the file cannot be used',
    ],
    [
      // Planted fault: without a bound, each name is compared with all others and listed in the error.
      'thousands of names in one group',
      () => errorOf({}, { file: file(names(3_000), 'names.yaml') }),
      'the file has too many names',
    ],
    [
      'a prototype in a file',
      () => errorOf({}, { file: file('policies:\n  __proto__: { attempts: 1 }\n', 'proto.yaml') }),
      'no such setting',
    ],
    [
      'a prototype in the environment',
      () => errorOf({ CONVERGE__POLICIES____PROTO____ATTEMPTS: '1' }),
      'no such setting',
    ],
    [
      'a constructor among the flags',
      () => errorOf({}, { flags: { 'policies.constructor.attempts': 1 } }),
      'no such setting',
    ],
    [
      'a constructor in a record',
      () => errorOf({ CONVERGE__POLICIES__CONSTRUCTOR__ATTEMPTS: '1' }),
      'no such setting',
    ],
    [
      'a secret file that is not there',
      () => errorOf({ PGPASSWORD_FILE: join(dir, 'none') }),
      'the file that it names cannot be read (ENOENT)',
    ],
    [
      'a variable and its file',
      () => errorOf({ PGPASSWORD: 'abcdef', PGPASSWORD_FILE: '/x' }),
      'both are set',
    ],
    ['the prefix alone', () => errorOf({ CONVERGE__: '1' }), 'no such setting'],
  ])('loadConfig rejects %s', (_, make, message) => expect(make().message).toContain(message));
});

describe('secrets', () => {
  it('secrets are masked in every error: by name, from a file, in a URL, and in a quoted message', () => {
    const secret = file('hunter2secret', 'pw');
    const quoting = z.object({
      password: z.string().refine(() => false, { error: ({ input }) => `${String(input)} is too easy` }),
      url: z.string().startsWith('x'),
      other: z.int(),
    });
    const env = {
      CONVERGE__PASSWORD: 'hunter2secret',
      CONVERGE__URL: 'postgres://me:hunter2secret@host/db',
      CONVERGE__OTHER_FILE: secret,
    };
    const load_ = () => loadConfig(quoting, { env });
    expect(load_).toThrow('password = *** (environment CONVERGE__PASSWORD): the value cannot be used here.');
    expect(load_).toThrow('postgres://me:***@host/db');
    expect(load_).not.toThrow('hunter2');
  });

  // Planted fault: where a secret is cut out of a message that only happens to have it, the hole says what it is.
  it('a refused token that is a part of the message is not shown by a hole in it', () => {
    const tokens = z.object({
      tokens: z.record(z.string(), z.string().min(16, 'a token has 16 characters or more')),
    });
    for (const token of ['16', 'characters', 'e'])
      expect(() => loadConfig(tokens, { env: { CONVERGE__TOKENS__BOB: token } })).toThrow(
        /^the configuration has an error:\n- tokens\.bob = \*\*\* \(environment CONVERGE__TOKENS__BOB\): the value cannot be used here\./,
      );
  });

  // Planted fault: without the rules for logins, URLs and SASL in secrets.ts, seven of these show their secret.
  it.each<[string, LoadConfigOptions['env'], string?]>([
    ['a login as broken JSON', { CONVERGE__KAFKA__SASL: '{"mechanism":"plain","password":"hunter2",}' }],
    ['a login as text', { CONVERGE__KAFKA__SASL: 'plain:user:hunter2' }],
    ['a login as one of its parts', { CONVERGE__KAFKA__SASL__MECHANISM: 'plain:user:hunter2' }],
    ['a login as a group', { CONVERGE__DATABASE: 'user:hunter2@host/db' }],
    ['a login before a broker', { KAFKA_BROKERS: 'user:hunter2@host' }],
    ['a password with a comma before a broker', { KAFKA_BROKERS: 'user:hunter2,x@host' }],
    ['a password in the place of a URL', { DATABASE_URL: 'hunter2' }],
    ['a password in the query of a URL', { DATABASE_URL: 'mysql://host/db?password=hunter2' }],
    ['a URL in the place of a number', { CONVERGE__RELAY__POLL__MAX_MS: 'postgres://u:hunter2@host/db' }],
    ['a password in the place of its file', { PGPASSWORD_FILE: 'hunter2' }],
    ['a list in a file', {}, 'kafka: { sasl: [plain, user, hunter2] }'],
    ['a name in a file', {}, 'kafka: { sasl: { hunter2: 1 } }'],
    ['a login as a name in a file', {}, 'kafka: { "user:hunter2@host": 1 }'],
    ['an alias in a file', {}, 'kafka: { sasl: { password: *hunter2 } }'],
  ])('an error never shows the secret of %s', (_what, env, yaml) => {
    const at = yaml === undefined ? {} : { file: file(yaml, 'secret.yaml') };
    const error = secretErrorOf(env, at);
    expect(error.message + JSON.stringify(error.issues)).not.toContain('hunter2');
  });
});

const sasl = z.object({ mechanism: z.enum(['plain', 'scram']), password: z.string().optional() });
const withLogin = z.object({
  database: z
    .object({ url: z.string().startsWith('postgres://').optional(), password: z.string().optional() })
    .prefault({}),
  kafka: z
    .object({ brokers: z.array(z.string().regex(/^[^\s:]+:\d+$/)).default([]), sasl: sasl.optional() })
    .prefault({}),
  relay: z.object({ poll: z.object({ maxMs: z.number().optional() }).prefault({}) }).prefault({}),
});

function secretErrorOf(env: LoadConfigOptions['env'], at: { readonly file?: string }): ConfigError {
  try {
    loadConfig(withLogin, { env, ...at });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('there was no error');
}

function names(count: number): string {
  return Array.from({ length: count }, (_, index) => `k${index}: ${index}`).join('\n');
}

function laughs(): string {
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (const [one, before] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf'])
    lines.push(`${one}: &${one} [${Array(10).fill(`*${before}`).join(', ')}]`);
  return lines.join('\n');
}
