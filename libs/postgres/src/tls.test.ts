import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { connect, type ConnectOptions } from './connect.ts';

const folder = mkdtempSync(join(tmpdir(), 'tls-'));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const ca = file('ca.pem', 'the CA');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

const url = 'postgres://app@db.example:5432/shop';

/** Returns what pg resolves from URL, environment and options. */
function effective(options: ConnectOptions): { readonly ssl: unknown; readonly password: unknown } {
  const { pool } = connect(options);
  const Client = (pool as unknown as { Client: new (config: object) => { ssl: unknown; password: unknown } })
    .Client;
  return new Client(pool.options);
}

// Planted faults, each seen to fail here: a check of the options alone, not of what pg resolves from URL and environment
// (18 of these pass it); without the check of `checkServerIdentity`; without that of NODE_TLS_REJECT_UNAUTHORIZED; with
// PGSSLMODE=no-verify ignored when a CA is given.
describe.each(['production', ''])('with NODE_ENV=%j', (mode) => {
  it.each<[string, ConnectOptions, Readonly<Record<string, string>>]>([
    ['the option rejectUnauthorized: false', { url, ssl: { rejectUnauthorized: false } }, {}],
    ['sslmode=no-verify in the URL', { url: `${url}?sslmode=no-verify` }, {}],
    ['ssl=no-verify in the URL', { url: `${url}?ssl=no-verify` }, {}],
    [
      'sslmode=no-verify in the URL over a CA in the options',
      { url: `${url}?sslmode=no-verify`, ssl: { ca: 'x' } },
      {},
    ],
    ['uselibpqcompat with require', { url: `${url}?sslmode=require&uselibpqcompat=true` }, {}],
    ['uselibpqcompat with prefer', { url: `${url}?uselibpqcompat=true&sslmode=prefer` }, {}],
    [
      'uselibpqcompat with verify-ca',
      { url: `${url}?uselibpqcompat=true&sslmode=verify-ca&sslrootcert=${ca}` },
      {},
    ],
    ['PGSSLMODE=no-verify', { url }, { PGSSLMODE: 'no-verify' }],
    ['PGSSLMODE=no-verify with a CA', { url }, { PGSSLMODE: 'no-verify', PGSSLROOTCERT: ca }],
    [
      'NODE_TLS_REJECT_UNAUTHORIZED=0',
      { url: `${url}?sslmode=verify-full` },
      { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    ],
    ['an option that accepts any host name', { url, ssl: { checkServerIdentity: () => undefined } }, {}],
  ])('%s is refused with the secure alternative', (_name, options, env) => {
    vi.stubEnv('NODE_ENV', mode);
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(() => connect(options)).toThrow(
      expect.objectContaining({
        code: 'DATABASE_SETTINGS',
        message: expect.stringContaining('sslmode=verify-full'),
      }),
    );
  });

  it.each<[string, ConnectOptions, Readonly<Record<string, string>>]>([
    ['sslmode=verify-full', { url: `${url}?sslmode=verify-full` }, {}],
    ['sslmode=require, which pg verifies in full', { url: `${url}?sslmode=require` }, {}],
    ['no TLS', { url }, {}],
    ['PGSSLMODE=verify-full', { url }, { PGSSLMODE: 'verify-full' }],
  ])('%s is accepted', (_name, options, env) => {
    vi.stubEnv('NODE_ENV', mode);
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(() => connect(options)).not.toThrow();
  });
});

it('unverified TLS is accepted in development', () => {
  vi.stubEnv('NODE_ENV', 'development');
  expect(effective({ url: `${url}?sslmode=no-verify` }).ssl).toEqual({ rejectUnauthorized: false });
});

// Planted fault: without their names the three variables are ignored.
it('the files of PGSSLROOTCERT, PGSSLCERT and PGSSLKEY are used and enable TLS', () => {
  vi.stubEnv('PGSSLROOTCERT', ca);
  vi.stubEnv('PGSSLCERT', file('cert.pem', 'a certificate'));
  vi.stubEnv('PGSSLKEY', file('key.pem', 'its key'));
  const { ssl } = effective({ url });
  expect(ssl).toMatchObject({ ca: 'the CA', cert: 'a certificate' });
  expect((ssl as { key: string }).key).toBe('its key');
  expect(effective({ url: `${url}?sslmode=disable` }).ssl).toBe(false);
  vi.stubEnv('PGSSLROOTCERT', join(folder, 'none.pem'));
  expect(() => connect({ url })).toThrow(/PGSSLROOTCERT names a file that cannot be read \(ENOENT\)/);
});

it.each(['sslmode=verify-full', 'sslmode=require', 'ssl=true'])(
  'the files of PGSSLROOTCERT, PGSSLCERT and PGSSLKEY are used beside %s in the URL',
  (parameter) => {
    vi.stubEnv('PGSSLROOTCERT', ca);
    vi.stubEnv('PGSSLCERT', file('cert & chain.pem', 'a certificate'));
    const { ssl } = effective({ url: `${url}?${parameter}` });
    expect(ssl).toEqual({ ca: 'the CA', cert: 'a certificate' });
  },
);

it('a file that the URL names is used, and not the one of the environment', () => {
  vi.stubEnv('PGSSLROOTCERT', ca);
  const other = file('other.pem', 'another CA');
  expect(effective({ url: `${url}?sslmode=verify-full&sslrootcert=${other}` }).ssl).toEqual({
    ca: 'another CA',
  });
  expect(effective({ url: `${url}?sslmode=disable` }).ssl).toBe(false);
});

// An exception in the queue of the pool would end the process: it is uncaught, and fails this file.
it('connections are refused by their cause when a TLS file that the URL names went away, and the process goes on', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.end('N')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const gone = file('gone.pem', 'the CA');
  const database = connect({
    url: `postgres://app@127.0.0.1:${port}/shop?sslmode=verify-full&sslrootcert=${gone}&application_name=a`,
    max: 1,
  });
  rmSync(gone);
  const answers = await Promise.allSettled([database.acquire(), database.acquire(), database.acquire()]);
  for (const answer of answers)
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'DATABASE_TLS_FAILED' } });
  await database.close();
  server.close();
});

describe('the password of PGPASSWORD_FILE', () => {
  const path = file('password', 'sec:r@t %41\n');

  // Planted fault: without the password in the URL pg hides it.
  it('the password of PGPASSWORD_FILE is used with a URL and without one', () => {
    vi.stubEnv('PGPASSWORD_FILE', path);
    expect(effective({ url }).password).toBe('sec:r@t %41');
    vi.stubEnv('PGHOST', 'db.example');
    expect(effective({}).password).toBe('sec:r@t %41');
  });

  it('a password in the URL or PGPASSWORD overrides PGPASSWORD_FILE', () => {
    vi.stubEnv('PGPASSWORD_FILE', path);
    expect(effective({ url: 'postgres://app:other@db.example/shop' }).password).toBe('other');
    vi.stubEnv('PGPASSWORD', 'third');
    expect(effective({ url }).password).toBe('third');
  });
});
