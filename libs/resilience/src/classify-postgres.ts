import { fieldsOf } from '@convergekit/core/engine';
import type { Verdict } from './verdict.ts';

type Entry = Omit<Verdict, 'code'>;

/** The server reported the error, so the transaction is rolled back: nothing was applied. */
const of = (category: Verdict['category'], structural = false): Entry => ({
  category,
  certainty: 'not_applied',
  structural,
});
const bug = of('bug', true);
const data = of('data');
const missing = of('configuration', true);
const contention = of('contention');
const service = of('service');
const lost: Entry = { category: 'network', certainty: 'unknown' };

/**
 * The SQLSTATE classes of PostgreSQL 18 (appendix A of the manual), then codes that differ from their class.
 * Structural: code, schema or settings must change; waiting does not help.
 */
const CLASSES: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['00', bug], // successful completion: not an error, so the code that threw it is wrong
  ['01', bug], // warning
  ['02', of('bug')], // no data
  ['03', bug], // SQL statement not yet complete
  ['08', lost], // connection exception
  ['09', bug], // triggered action exception
  ['0A', bug], // feature not supported
  ['0B', bug], // invalid transaction initiation
  ['0F', bug], // locator exception
  ['0L', missing], // invalid grantor
  ['0P', missing], // invalid role specification
  ['0Z', bug], // diagnostics exception
  ['10', bug], // XQuery error
  ['20', bug], // case not found
  ['21', bug], // cardinality violation
  ['22', data], // data exception
  ['23', data], // integrity constraint violation
  ['24', bug], // invalid cursor state
  ['25', bug], // invalid transaction state
  ['26', bug], // invalid SQL statement name
  ['27', data], // triggered data change violation
  ['28', missing], // invalid authorization
  ['2B', bug], // dependent privilege descriptors
  ['2D', bug], // invalid transaction termination
  ['2F', bug], // SQL routine exception
  ['34', bug], // invalid cursor name
  ['38', bug], // external routine exception
  ['39', bug], // external routine invocation exception
  ['3B', bug], // savepoint exception
  ['3D', missing], // invalid catalog name: no such database
  ['3F', missing], // invalid schema name
  ['40', contention], // transaction rollback
  ['42', bug], // syntax error or access rule violation
  ['44', data], // with check option violation
  ['53', service], // insufficient resources
  ['54', bug], // program limit exceeded
  ['55', service], // object not in prerequisite state
  ['57', service], // operator intervention
  ['58', { ...service, certainty: 'unknown' }], // system error outside Postgres
  ['72', contention], // snapshot failure
  ['F0', missing], // configuration file error
  ['HV', service], // foreign data wrapper error
  ['P0', of('bug')], // PL/pgSQL error
  ['XX', { ...service, certainty: 'unknown', structural: true }], // internal error
]);

const CODES: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['08001', of('network')], // unable to establish the connection
  ['08004', of('network')], // the server rejected the connection
  ['08P01', { ...bug, certainty: 'unknown' }], // protocol violation
  ['25006', service], // read-only transaction: we are still on a primary that became a standby
  ['25P03', service], // idle-in-transaction timeout
  ['25P04', service], // transaction timeout
  ['26000', missing], // a prepared statement is gone: a pooler in transaction mode
  ['40002', data], // a deferred constraint failed at commit
  ['40003', lost], // statement completion unknown
  ['42501', missing], // insufficient privilege
  ['42703', missing], // undefined column: a migration is missing
  ['42704', missing], // undefined object
  ['42883', missing], // undefined function
  ['42P01', missing], // undefined table
  ['42P06', missing], // duplicate schema
  ['42P07', missing], // duplicate table
  ['54000', data], // for example an index row that is too large
  ['55006', contention], // object in use
  ['55P02', missing], // a parameter that cannot be changed now
  ['55P03', contention], // lock not available
  ['57P01', lost], // administrator command ended the session, perhaps just after a commit
  ['57P02', lost], // crash shutdown
  ['57P04', missing], // database dropped
  ['57P05', of('network')], // idle session timeout
  ['58P01', { ...service, structural: true }], // a file that Postgres needs is missing
  ['P0001', data], // RAISE of the application's own functions
  ['P0002', data],
  ['P0003', data],
  ['P0004', bug], // ASSERT
]);

/** Errors of pg itself have no SQLSTATE; these texts are those of pg 8 and pg-pool 3. */
const TEXTS: readonly (readonly [RegExp, Verdict])[] = [
  [/^Connection terminated due to connection timeout/, { ...of('network'), code: 'PG_CONNECT_TIMEOUT' }],
  [/^timeout exceeded when trying to connect/, { ...of('service'), code: 'PG_POOL_EXHAUSTED' }],
  [/^Connection terminated/, { ...lost, code: 'PG_CONNECTION_LOST' }],
  [/^Client has encountered a connection error/, { ...of('network'), code: 'PG_CONNECTION_LOST' }],
  [/^Client was closed and is not queryable/, { ...of('network'), code: 'PG_CONNECTION_LOST' }],
  [/^Query read timeout/, { ...lost, code: 'PG_READ_TIMEOUT' }],
  [/^The server does not support SSL connections/, { ...missing, code: 'PG_NO_TLS' }],
  [/^SASL: /, { ...missing, code: 'PG_SASL' }],
];

/** The routines that refuse to make a setting: `read write` or `serializable` on a standby. */
const REFUSES_SETTING = /^call_(bool|enum)_check_hook$/;

/**
 * The name of an index that REINDEX CONCURRENTLY makes. A session whose plan does not know it finds a duplicate in it,
 * although the statement has ON CONFLICT; the next run plans again. A true duplicate is found in the older index before:
 * `_ccold` after the swap, which stays where the rebuild was cancelled, so that name is not one of these.
 */
const REBUILT = /_ccnew\d*$/;

/** What a pooler refuses for good. All else that it says is the end of a session, or of the wait for one. */
const POOLER_REFUSES = /^no such |does not exist|authentication failed|^unsupported startup/;

export function postgresRule(error: unknown): Verdict | undefined {
  const { code, message, routine, constraint } = fieldsOf(error);
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    // A plan prepared before a migration: the next attempt plans again. The server's text depends on its language.
    if (code === '0A000' && routine === 'RevalidateCachedQuery') return { ...contention, code };
    // BEGIN on a server that is a standby, still or again. The routine's name is in no language.
    if (code === '0A000' && REFUSES_SETTING.test(String(routine))) return { ...service, code };
    if (code === '23505' && REBUILT.test(String(constraint))) return { ...contention, code };
    // No transaction id is left until tables are vacuumed: no event is at fault.
    if (code === '54000' && /^GetNew(Transaction|MultiXact)Id$/.test(String(routine)))
      return { ...service, code };
    // Postgres names the routine of each error. A pooler has none, and PgBouncer this state for all that it says.
    if (code === '08P01' && routine === undefined)
      return { ...(POOLER_REFUSES.test(String(message)) ? missing : lost), code };
    const entry =
      CODES.get(code) ?? (looksLikeServerError(error) ? CLASSES.get(code.slice(0, 2)) : undefined);
    return entry === undefined ? undefined : { ...entry, code };
  }
  if (typeof message !== 'string' || code !== undefined) return undefined;
  return TEXTS.find(([pattern]) => pattern.test(message))?.[1];
}

/** Recognises server errors. EPIPE has five letters, too; a SQLSTATE has a digit, and server errors have a severity. */
function looksLikeServerError(error: unknown): boolean {
  const { code, severity } = fieldsOf(error);
  return typeof severity === 'string' || (typeof code === 'string' && /\d/.test(code));
}
