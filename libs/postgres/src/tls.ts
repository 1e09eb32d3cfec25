import { readFileSync } from 'node:fs';
import type { PoolConfig } from 'pg';
import { DatabaseError } from './errors.ts';

type Ssl = Exclude<PoolConfig['ssl'], boolean | undefined>;
type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of libpq that pg does not read: paths of the CA, the client's certificate and its key. */
const FILES = { ca: 'PGSSLROOTCERT', cert: 'PGSSLCERT', key: 'PGSSLKEY' } as const;
/** Their names in a URL. */
const PARAMETERS = { ca: 'sslrootcert', cert: 'sslcert', key: 'sslkey' } as const;

/**
 * Resolves TLS from options and environment, for a URL without TLS.
 * The files of PGSSLROOTCERT, PGSSLCERT and PGSSLKEY are added if the options do not name them; naming one enables TLS.
 */
export function tlsOf(
  given: PoolConfig['ssl'],
  url: string | undefined,
  env: Environment,
): PoolConfig['ssl'] {
  // The URL's parameters take precedence in pg over all others: `completeUrl` adds what they leave out.
  if (given === false || /[?&](ssl|sslmode|sslrootcert|sslcert|sslkey)=/.test(url ?? '')) return given;
  if (given === undefined && env['PGSSLMODE'] === 'disable') return undefined;
  const files: Record<string, string> = {};
  for (const [part, name] of Object.entries(FILES)) {
    const path = env[name] ?? '';
    if (path !== '') files[part] = readFile(path, name);
  }
  if (Object.keys(files).length === 0) return given;
  const weak = given === undefined && env['PGSSLMODE'] === 'no-verify' ? { rejectUnauthorized: false } : {};
  return { ...files, ...weak, ...(typeof given === 'object' ? given : {}) };
}

/** Adds what the URL leaves out: the password, and for TLS the files of the environment. */
export function completeUrl(url: string, password: string | undefined, env: Environment): string {
  return withTlsFiles(withPassword(url, password), env);
}

/** Adds the files of the environment that a URL with TLS does not name: pg would verify by the system's authorities alone. */
function withTlsFiles(url: string, env: Environment): string {
  const named = (pattern: string): boolean => new RegExp(`[?&]${pattern}`).test(url);
  if (!named('(ssl=(true|1)|sslmode=|sslrootcert=|sslcert=|sslkey=)') || named('sslmode=disable')) return url;
  let all = url;
  for (const [part, name] of Object.entries(FILES)) {
    const [path = '', parameter] = [env[name], PARAMETERS[part as keyof typeof FILES]];
    if (path === '' || named(`${parameter}=`)) continue;
    readFile(path, name);
    all += `&${parameter}=${encodeURIComponent(path)}`;
  }
  return all;
}

/** True for a URL whose TLS parameters name files. */
export function namesTlsFiles(url: string): boolean {
  return /[?&]ssl(rootcert|cert|key)=/.test(url);
}

/** Takes the TLS parameters out of a URL: in pg they replace the option `ssl`. */
export function withoutTls(url: string): string {
  return url.replaceAll(/(?<=[?&])ssl(mode|rootcert|cert|key)?=[^&]*/g, '');
}

/** Reads the password from PGPASSWORD_FILE if neither URL nor PGPASSWORD has one. */
export function passwordOf(url: string | undefined, env: Environment): string | undefined {
  const path = env['PGPASSWORD_FILE'] ?? '';
  if (path === '' || (env['PGPASSWORD'] ?? '') !== '' || hasPassword(url)) return undefined;
  return readFile(path, 'PGPASSWORD_FILE').replace(/\r?\n$/, '');
}

/** Adds a password to a URL that has none: pg would ignore the option otherwise. */
function withPassword(url: string, password: string | undefined): string {
  if (password === undefined || !URL.canParse(url)) return url;
  const changed = new URL(url);
  changed.password = encodeURIComponent(password);
  return changed.href;
}

function hasPassword(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const { password, searchParams } = new URL(url);
  return password !== '' || searchParams.has('password');
}

function readFile(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw settingsError(
      `${name} names a file that cannot be read (${code}): ${path}. Correct the path, or unset ${name}.`,
      error,
    );
  }
}

/**
 * Rejects TLS that does not verify the server, from any source.
 * Sources are options, URL (`sslmode=no-verify`, `uselibpqcompat`), PGSSLMODE and NODE_TLS_REJECT_UNAUTHORIZED.
 * `effective` is the setting that pg resolved from them.
 */
export function refuseUnverifiedTls(
  effective: boolean | Ssl,
  url: string | undefined,
  env: Environment,
): void {
  const mode = env['NODE_ENV'];
  if (mode === 'development' || mode === 'test') return;
  const weakness = weaknessOf(effective, url, env);
  if (weakness === undefined) return;
  throw settingsError(
    `the connection to Postgres would not verify the server: ${weakness}. Anyone in between could read and change everything. Use sslmode=verify-full, with the server's CA in PGSSLROOTCERT or sslrootcert (allowed only with NODE_ENV=development).`,
  );
}

function weaknessOf(ssl: boolean | Ssl, url: string | undefined, env: Environment): string | undefined {
  if (ssl === false) return undefined;
  const options = typeof ssl === 'object' ? ssl : {};
  if (options.rejectUnauthorized === false) return `${sourceOf(url, env)} accepts any certificate`;
  // libpq's verify-ca, and `require` with a CA, accept any host with a certificate of that CA.
  if (options.checkServerIdentity !== undefined)
    return `${sourceOf(url, env)} accepts a certificate for any host name`;
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0' && options.rejectUnauthorized !== true)
    return 'NODE_TLS_REJECT_UNAUTHORIZED=0 accepts any certificate';
  return undefined;
}

function sourceOf(url: string | undefined, env: Environment): string {
  const said = /[?&](uselibpqcompat=true|sslmode=[a-z-]+|ssl=no-verify)/.exec(url ?? '');
  if (/uselibpqcompat=true/.test(url ?? '')) return 'uselibpqcompat=true in the URL';
  if (said !== null) return `${said[1] ?? ''} in the URL`;
  return env['PGSSLMODE'] === 'no-verify' ? 'PGSSLMODE=no-verify' : 'the ssl option';
}

function settingsError(message: string, cause?: unknown): DatabaseError {
  return new DatabaseError(message, {
    code: 'DATABASE_SETTINGS',
    category: 'configuration',
    cause,
  });
}
