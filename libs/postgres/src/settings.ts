/**
 * The server settings that the kit depends on. A server, a database or a role may have other defaults:
 * - the kit's own transactions (`withTransaction`, `executor`) set all of them, locally;
 * - transactions that also run an application's statements (handlers, repairs) set FORM and the place of `pg_catalog`;
 * - `outbox.transaction` sets only `read write`: its SQL depends on no setting;
 * - a session reserved for the kit (the relay's two) sets them once;
 * - the statement timeout of a pool is set once in each of its own sessions, and behind a pooler in each transaction.
 * Nothing is set in a shared session: behind a pooler it would stay for other clients.
 *
 * Not included: `client_encoding` (pg sets it at connecting), `lc_messages` (for superusers; SQLSTATE is compared
 * instead).
 */

/** Formats of values: pg's parsers and the kit's SQL know one format each. */
const FORM = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
} as const;

/** The server ends a transaction whose client is silent for this many milliseconds, and releases its locks. */
const IDLE_MS = 60_000;

/** Further settings of transactions without application statements. */
const OWN = {
  TimeZone: 'UTC',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: String(IDLE_MS),
  plan_cache_mode: 'auto',
  jit: 'off',
  // Leases have policies, which `off` turns into an error.
  row_security: 'on',
} as const;

/** Further settings of a session reserved for the kit. A transaction sets the first three at its BEGIN. */
const SESSION = {
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  statement_timeout: '0',
  idle_session_timeout: '0',
  search_path: 'pg_catalog',
} as const;

/** A comment that distinguishes these statements from all others. */
const MARK = 'select /* converge: settings */ ';

const setting = (name: string, value: string): string => `pg_catalog.set_config('${name}', '${value}', true)`;

/** Sets a setting that servers before 17 do not have. */
const ifKnown = (name: string, value: string): string =>
  `case when pg_catalog.current_setting('${name}', true) is not null then ${setting(name, value)} end`;

// A schema named before pg_catalog can shadow it; if pg_catalog is not named at all, it comes first. Other entries of the
// path belong to the application and are kept.
const CATALOG_FIRST = `case when pg_catalog.strpos(pg_catalog.current_setting('search_path'), 'pg_catalog') operator(pg_catalog.>) 0
  then pg_catalog.set_config('search_path', pg_catalog.btrim(pg_catalog.regexp_replace(
    pg_catalog.current_setting('search_path'), '(^|,) *"?pg_catalog"? *(?=,|$)', '', 'g'), ', '), true) end`;

// A reported write must survive a crash of the server: an intent is committed before its call. Whether a commit also waits
// for a standby stays the server's choice; ticks request it themselves.
const DURABLE = `case when pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.=) 'off' then ${setting('synchronous_commit', 'local')} end`;

const calls = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).map(([name, value]) =>
    name === 'transaction_timeout' ? ifKnown(name, value) : setting(name, value),
  );

/** Makes settings by one statement with one column: a client reads the description of each. */
function opening(settings: readonly string[]): string {
  return `${MARK}pg_catalog.num_nulls(${settings.join(', ')})`;
}

/** The first statement of a transaction that runs application statements, too. */
export const sharedOpening = opening([...calls(FORM), CATALOG_FIRST]);

/** What BEGIN says. Without BEGIN a setting that is another by default is refused (25001): it comes too late. */
const BEGUN = { transaction_isolation: 'read committed', transaction_read_only: 'off' } as const;

const ownOpenings = new Map<string, string>();

/**
 * Returns the first statement of a transaction of the kit's own, with the pool's statement timeout. `alone`: of one that
 * has no BEGIN, since its statements are sent with one Sync.
 */
export function ownOpening(statementTimeoutMs = 0, alone = false): string {
  const key = `${statementTimeoutMs} ${alone}`;
  let text = ownOpenings.get(key);
  if (text === undefined) {
    const settings = {
      ...(alone ? BEGUN : {}),
      ...FORM,
      ...OWN,
      statement_timeout: String(statementTimeoutMs),
    };
    text = opening([...calls(settings), DURABLE, CATALOG_FIRST]);
    ownOpenings.set(key, text);
  }
  return text;
}

/** Returns the first statement of a transaction in a shared session, for a pool with a statement timeout. */
export function timeoutOpening(statementTimeoutMs: number): string {
  return MARK + setting('statement_timeout', String(statementTimeoutMs));
}

export function isOpening(text: string): boolean {
  return text.startsWith(MARK);
}

/** Returns the BEGIN of the kit's own transactions: under another isolation a compare-and-set fails with 40001. */
export function ownBegin(isolation = 'read committed'): string {
  return `begin isolation level ${isolation} read write`;
}

const session = { ...FORM, ...OWN, ...SESSION, synchronous_commit: 'local' };

/**
 * Sets all settings of a session that is the client's own. It returns their number.
 * $1 is the process id that the server announced. A pooler announces another one, and then nothing is set.
 */
export const sessionStatement = {
  text: `
  select pg_catalog.count(pg_catalog.set_config(s.name, s.value, false)) as done
    from rows from (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[])) as s (name, value)
   where pg_catalog.pg_backend_pid() operator(pg_catalog.=) $1::pg_catalog.int4
     and pg_catalog.current_setting(s.name, true) is not null
     -- As DURABLE: only what is weaker is raised.
     and (s.name operator(pg_catalog.<>) 'synchronous_commit'
          or pg_catalog.current_setting(s.name) operator(pg_catalog.=) 'off')`,
  valuesFor: (announcedPid: number, settings: Readonly<Record<string, string>> = session): unknown[] => [
    announcedPid,
    Object.keys(settings),
    Object.values(settings),
  ],
} as const;
