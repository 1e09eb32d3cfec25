import { systemClock } from '@convergekit/core';
import { Kysely, PostgresDialect } from 'kysely';
import type { ClientBase, Pool, PoolClient, PoolConfig } from 'pg';
import { addressOf } from './address.ts';
import { BeginWithFirst } from './begin-with-first.ts';
import { pg } from './driver.ts';
import { type Target, wasClosedIdle } from './errors.ts';
import { type Executor, executorOfClient } from './executor.ts';
import { CommitNotifier, listenersOfProcess } from './notify/commit-notifier.ts';
import { setNotifier } from './notify/commit-watch.ts';
import { runOnIdle } from './notify/idle-connection.ts';
import { notifyStatement } from './notify/notify-sql.ts';
import { kyselyClient } from './pipeline.ts';
import { callerSignal, PoolDoor } from './pool-door.ts';
import { sessionStatement } from './settings.ts';
import { clientClass } from './silence/fresh-connection.ts';
import { SilenceWatch } from './silence/silence-watch.ts';
import { markedValues } from './statement-marks.ts';
import { setStatementTimeout, submitClient } from './submit-client.ts';
import { completeUrl, namesTlsFiles, passwordOf, refuseUnverifiedTls, tlsOf, withoutTls } from './tls.ts';

export interface ConnectOptions {
  /**
   * `postgres://user:password@host:port/database`. Without it PGHOST or PGDATABASE must be set (DATABASE_SETTINGS).
   * @default the standard PG* environment variables
   */
  readonly url?: string | undefined;
  /** The URL's setting in errors: `DATABASE_URL (environment)`. @default the variable that holds the URL */
  readonly setting?: string;
  /** The application's name in pg_stat_activity. @default 'converge' */
  readonly applicationName?: string;
  /** Maximum number of connections. @default 10 */
  readonly max?: number;
  /**
   * The most callers that wait for a connection while all are in use; further ones are refused at once with
   * DATABASE_POOL_EXHAUSTED. @default no limit
   */
  readonly maxWaiting?: number;
  /**
   * The server cancels a statement that takes longer; 0 = never. Behind a pooler it applies in transactions and to
   * `executor`. A COMMIT that waits for a synchronous standby is not bounded: Postgres ends the timeout before that wait.
   * In milliseconds. @default 0
   */
  readonly statementTimeoutMs?: number;
  /** Time limit for a free or a new connection, in milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /**
   * Time without a byte of an answer after which the server is asked, on another connection, whether the answer was
   * lost; such a connection is closed at the second look. In milliseconds; 0 = never. @default 10_000
   */
  readonly silenceMs?: number;
  /**
   * TLS as in pg. A setting that does not verify the server is refused unless NODE_ENV is development or test, also in
   * the URL and the environment. @default by the URL, PGSSLMODE, PGSSLROOTCERT, PGSSLCERT and PGSSLKEY
   */
  readonly ssl?: PoolConfig['ssl'];
  /**
   * Notify the relay after commits with events, also of consumers, workers and reconcilers on this pool. @default true
   */
  readonly notify?: boolean;
  /** Called when an idle connection dropped. The pool opens a new one when needed. @default ignored */
  readonly onIdleError?: (error: Error) => void;
}

export interface Database<DB = unknown> {
  /** The pool of node-postgres, for statements of your own. */
  readonly pool: Pool;
  /** Kysely on the same pool. */
  readonly db: Kysely<DB>;
  /** Runs statements on any connection of the pool, each as a transaction with the kit's settings (`settings.ts`). */
  readonly executor: Executor;
  /** The server, database and user, without the password, for messages. */
  readonly target: Target;
  /** Resolves when the server answered; rejects with a `DatabaseError` that names the next step. */
  ping(): Promise<void>;
  /**
   * Acquires a connection; return it by `release(broken)`. Rejects with a `DatabaseError`: CALLER_GONE when `signal` aborts
   * before there is one.
   */
  acquire(signal?: AbortSignal): Promise<PoolClient>;
  /** Closes all connections, after the statements in progress. */
  close(): Promise<void>;
}

/**
 * Opens a pool. It connects at first use: call `ping` at start. Throws DATABASE_SETTINGS for settings that are refused.
 * @example
 * ```ts
 * import { connect } from 'convergekit/postgres';
 * import type { ShopDb } from './shop.ts';
 *
 * const database = connect<ShopDb>({ url: process.env['DATABASE_URL'], max: 10 });
 * await database.ping(); // rejects while the server is down
 * const open = await database.db.selectFrom('orders').selectAll().where('state', '=', 'placed').execute();
 * await database.close();
 * ```
 */
export function connect<DB = unknown>(options: ConnectOptions = {}): Database<DB> {
  const { statementTimeoutMs = 0 } = options;
  const { url, setting } = addressOf(options, process.env);
  const ssl = tlsOf(options.ssl, url, process.env);
  const password = passwordOf(url, process.env);
  const pool = new (pg().Pool)({
    ...(url === undefined ? {} : { connectionString: completeUrl(url, password, process.env) }),
    application_name: options.applicationName ?? 'converge',
    max: options.max ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    // Keepalive detects a peer that vanished; otherwise the next statement would, minutes later.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(statementTimeoutMs === 0 ? {} : { onConnect: setTimeoutOf(statementTimeoutMs) }),
    ...(ssl === undefined ? {} : { ssl }),
    ...(password === undefined ? {} : { password }),
  });
  const resolved = resolvedSettings(pool);
  refuseUnverifiedTls(resolved.ssl ?? false, url, process.env);
  const onIdleError = options.onIdleError ?? (() => undefined);
  pool.on('error', onIdleError);
  // The loss of an acquired connection between two statements would end the process: the pool does not listen then. The
  // next statement on the connection rejects, so the error is not hidden.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const target = {
    host: resolved.host,
    port: resolved.port,
    database: resolved.database ?? '',
    user: resolved.user ?? '',
    setting,
  };
  const notifier = new CommitNotifier(
    (channel, payload) => runOnIdle(pool, () => notifyStatement(channel, payload())),
    systemClock,
    { listeners: listenersOfProcess, target },
  );
  if (options.notify !== false) pool.on('connect', (client) => setNotifier(client, notifier));
  const silence = new SilenceWatch(pool, options.silenceMs ?? 10_000);
  const door = new PoolDoor(pool, target, options.maxWaiting ?? Infinity);
  const acquire = (signal?: AbortSignal): Promise<PoolClient> => door.acquire(signal);
  const executor = poolExecutor(acquire);
  let closing: Promise<void> | undefined;
  return {
    pool,
    db: new Kysely<DB>({
      dialect: new PostgresDialect({
        pool: {
          connect: async () => kyselyClient(await acquire(callerSignal())),
          end: () => Promise.resolve(),
          options: pool.options,
        },
      }),
    }),
    executor,
    target,
    acquire,
    ping: () => executor.query('select 1').then(() => undefined),
    close: () => {
      silence.close();
      return (closing ??= notifier.close().then(() => pool.end()));
    },
  };
}

/** Sets the timeout in a new session, and notes it for each of its transactions. PgBouncer would refuse it as a startup parameter. */
function setTimeoutOf(statementTimeoutMs: number) {
  // The pool awaits the promise, although its type does not say so.
  return (client: ClientBase): unknown => {
    setStatementTimeout(client, statementTimeoutMs);
    const announced = (client as { readonly processID?: number }).processID ?? -1;
    const { text, valuesFor } = sessionStatement;
    return client.query(text, valuesFor(announced, { statement_timeout: String(statementTimeoutMs) }));
  };
}

/** The most runs of a statement again, should the server close even new connections. */
const MOST_RERUNS = 10;

function poolExecutor(acquire: () => Promise<PoolClient>): Executor {
  const runOnce = async <R>(text: string, values: readonly unknown[]) => {
    const client = await acquire();
    let broken: boolean | undefined;
    try {
      const own = new BeginWithFirst(submitClient(client));
      return await executorOfClient(own).query<R>(text, markedValues(values, { kind: 'own' }));
    } catch (error) {
      // An error without SQLSTATE comes from the connection, not from the server.
      broken = !(error instanceof Error && 'severity' in error) || wasClosedIdle(error);
      throw error;
    } finally {
      client.release(broken);
    }
  };
  return {
    query: async <R>(text: string, values: readonly unknown[] = []) => {
      // Each run meets one idle connection less that the server has closed, and a new one is not idle.
      for (let run = 1; ; run += 1)
        try {
          return await runOnce<R>(text, values);
        } catch (error) {
          if (!wasClosedIdle(error) || run > MOST_RERUNS) throw error;
        }
    },
  };
}

/**
 * Resolves the settings of a pool as pg does, and keeps what it read of TLS files. pg would read them again for each new
 * connection, and throw where no caller waits: a file that is away for a moment would end the process.
 */
function resolvedSettings(pool: Pool): Resolved {
  const resolved = new (clientClass(pool))(pool.options) as unknown as Resolved;
  const { connectionString = '' } = pool.options;
  if (namesTlsFiles(connectionString)) {
    pool.options.connectionString = withoutTls(connectionString);
    pool.options.ssl = resolved.ssl;
  }
  return resolved;
}

interface Resolved {
  readonly host: string;
  readonly port: number;
  readonly database?: string;
  readonly user?: string;
  readonly ssl?: Exclude<PoolConfig['ssl'], undefined>;
}
