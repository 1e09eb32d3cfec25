/**
 * Every server setting that the kit depends on, in one place. A server, a database or a role may have any default for
 * them, so none is relied on that was not set:
 * - the kit's own transactions (`withTransaction`, `executor`) set all of them, locally;
 * - transactions that also run an application's statements (handlers, repairs) set FORM and what `pg_catalog` means;
 * - `outbox.transaction` sets nothing but `read write`: the SQL in it depends on no setting;
 * - a session that the kit has for itself (the relay's two) sets them once;
 * - the statement timeout of a pool is set once in each session of its own, and behind a pooler in each transaction.
 * Nothing is set in a session that others use: behind a pooler it would stay there for strangers.
 *
 * Not among them: `client_encoding` (pg names it at connecting), `lc_messages` (a superuser's; SQLSTATE is compared
 * instead), `row_security` (the kit's tables have no policies).
 */

/** How values are written and read: pg's parsers and the kit's SQL know one form each. */
const FORM = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
} as const;

/** A transaction of the kit's own that hears nothing of its client for so long was left: its locks are given back. */
const IDLE_MS = 60_000;

/** Besides FORM, where no statement is an application's. */
const OWN = {
  TimeZone: 'UTC',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: String(IDLE_MS),
  // Statements that are planned for their values (the poll) would scan every child with a generic plan.
  plan_cache_mode: 'auto',
  jit: 'off',
} as const;

/** Besides both, in a session of the kit's own. A transaction says the first three at its BEGIN. */
const SESSION = {
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  statement_timeout: '0',
  idle_session_timeout: '0',
  search_path: 'pg_catalog',
} as const;

/** A comment that tells these statements from all others. */
const MARK = 'select /* converge: settings */ ';

const setting = (name: string, value: string): string => `pg_catalog.set_config('${name}', '${value}', true)`;

/** Servers before 17 do not have it. */
const ifKnown = (name: string, value: string): string =>
  `case when pg_catalog.current_setting('${name}', true) is not null then ${setting(name, value)} end`;

// Named behind another schema, pg_catalog can be shadowed; not named at all, it comes first. What stands there besides
// is an application's, and stays.
const CATALOG_FIRST = `case when pg_catalog.strpos(pg_catalog.current_setting('search_path'), 'pg_catalog') operator(pg_catalog.>) 0
  then pg_catalog.set_config('search_path', pg_catalog.btrim(pg_catalog.regexp_replace(
    pg_catalog.current_setting('search_path'), '(^|,) *"?pg_catalog"? *(?=,|$)', '', 'g'), ', '), true) end`;

// What the kit says it has written must survive a crash of the server: an intent is committed before its call is made. Whether
// a commit also waits for a standby stays the server's choice; ticks ask for it themselves.
const DURABLE = `case when pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.=) 'off' then ${setting('synchronous_commit', 'local')} end`;

const columns = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).map(([name, value]) =>
    name === 'transaction_timeout' ? ifKnown(name, value) : setting(name, value),
  );

/** Opens a transaction in which an application's statements run beside the kit's. */
export const sharedOpening = MARK + [...columns(FORM), CATALOG_FIRST].join(', ');

const ownOpenings = new Map<number, string>();

/** Opens a transaction of the kit's own. `statementTimeoutMs`: of this pool. */
export function ownOpening(statementTimeoutMs = 0): string {
  let text = ownOpenings.get(statementTimeoutMs);
  if (text === undefined) {
    const timeout = { statement_timeout: String(statementTimeoutMs) };
    text = MARK + [...columns({ ...FORM, ...OWN, ...timeout }), DURABLE, CATALOG_FIRST].join(', ');
    ownOpenings.set(statementTimeoutMs, text);
  }
  return text;
}

/** Opens a transaction of a pool that has a statement timeout, in a session that others use, too. */
export function timeoutOpening(statementTimeoutMs: number): string {
  return MARK + setting('statement_timeout', String(statementTimeoutMs));
}

export function isOpening(text: string): boolean {
  return text.startsWith(MARK);
}

/** What a transaction of the kit's own begins with: under any other isolation a compare-and-set fails with 40001. */
export function ownBegin(isolation = 'read committed'): string {
  return `begin isolation level ${isolation} read write`;
}

const session = { ...FORM, ...OWN, ...SESSION, synchronous_commit: 'local' };

/**
 * Sets a whole session, where it is the client's own: $1 is the process that the server announced to it. A pooler
 * announces another one, and then nothing is set. Gives how many were.
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
