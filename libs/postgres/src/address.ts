import { DatabaseError } from './errors.ts';

/** The address of a database, and the setting to change when it is wrong. */
interface Address {
  /** @default the PG* variables */
  readonly url: string | undefined;
  readonly setting: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** The variables of which one names a database, for a connection without a URL. */
const NAMING = ['PGHOST', 'PGDATABASE', 'PGSERVICE', 'PGPORT', 'PGHOSTADDR'] as const;

/**
 * Resolves the address of a database. Throws DATABASE_SETTINGS where none is named: pg would take localhost, which is
 * another database than the one that was meant. The setting is the given one, else the variable that holds the URL.
 */
export function addressOf(
  { url, setting }: { readonly url?: string | undefined; readonly setting?: string | undefined },
  env: Variables,
): Address {
  if (url !== undefined && url !== '')
    return { url, setting: setting ?? holderOf(url, env) ?? 'the `url` given to connect' };
  const [first] = NAMING.filter((name) => (env[name] ?? '') !== '');
  if (first !== undefined) return { url: undefined, setting: setting ?? first };
  throw new DatabaseError(
    `no database is named: ${setting ?? 'the `url` given to connect'} is not set, nor is PGHOST or PGDATABASE, and localhost is not assumed. Set it to postgres://user:password@host:5432/database${otherUrls(env)}.`,
    { code: 'DATABASE_SETTINGS', category: 'configuration' },
  );
}

/** The variable from which a URL was read, by its value; DATABASE_URL before all others. */
function holderOf(url: string, env: Variables): string | undefined {
  const names = Object.keys(env).filter((name) => env[name] === url);
  return names.includes('DATABASE_URL') ? 'DATABASE_URL' : names[0];
}

/** Names the variables that hold a Postgres URL, in case that another name was meant. */
export function otherUrls(env: Variables): string {
  const names = Object.keys(env).filter((name) => /^postgres(ql)?:\/\//.test(env[name] ?? ''));
  if (names.length === 0) return '';
  return ` (${names.toSorted().slice(0, 5).join(', ')} ${names.length === 1 ? 'holds' : 'hold'} a Postgres URL: is that the one?)`;
}

/** Returns the URL of the database `name` on the server of `serverUrl`. */
export function urlOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
