import { Kysely, PostgresDialect } from 'kysely';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { connectError, DatabaseError, type Target } from './errors.ts';
import { type Executor, executorOfClient } from './executor.ts';
import { kyselyClient } from './pipeline.ts';

export interface ConnectOptions {
  /** `postgres://user:password@host:port/database`. @default the standard PG* environment variables */
  readonly url?: string;
  /** What errors name as the setting to change: `DATABASE_URL (environment)`. @default 'DATABASE_URL' */
  readonly setting?: string;
  /** Shows in pg_stat_activity. @default 'converge' */
  readonly applicationName?: string;
  /** Connections at most. @default 10 */
  readonly max?: number;
  /** The server ends a statement that takes longer; 0 = never. In milliseconds. @default 0 */
  readonly statementTimeoutMs?: number;
  /** How long to wait for a free or a new connection. In milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /** TLS as in pg. `rejectUnauthorized: false` is refused unless NODE_ENV is development or test. @default by the URL */
  readonly ssl?: PoolConfig['ssl'];
  /** Told when a connection that nobody was using dropped. The pool opens a new one when needed. @default ignored */
  readonly onIdleError?: (error: Error) => void;
}

export interface Database<DB = unknown> {
  readonly pool: Pool;
  readonly db: Kysely<DB>;
  /** Statements on any connection of the pool, each its own transaction. */
  readonly executor: Executor;
  readonly target: Target;
  /** Resolves when the server answered; rejects with a `DatabaseError` that a person can act on. */
  ping(): Promise<void>;
  /** A connection of one's own; give it back with `release(broken)`. Rejects with a `DatabaseError`. */
  acquire(): Promise<PoolClient>;
  close(): Promise<void>;
}

/** Opens a pool. Nothing is connected before the first use, so this never rejects: call `ping` at start. */
export function connect<DB = unknown>(options: ConnectOptions = {}): Database<DB> {
  refuseUnverifiedTls(options.ssl);
  const pool = new Pool({
    ...(options.url === undefined ? {} : { connectionString: options.url }),
    application_name: options.applicationName ?? 'converge',
    max: options.max ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    statement_timeout: options.statementTimeoutMs ?? 0,
    // A peer that vanished without a word is noticed by keepalive, not by the next statement minutes later.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
  });
  const onIdleError = options.onIdleError ?? (() => undefined);
  pool.on('error', onIdleError);
  // A connection that is taken but between two statements has no listener of the pool's: without this one its loss
  // would end the process. The next statement on it rejects, so nothing is hidden.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const target = {
    ...targetOf(pool),
    ...(options.setting === undefined ? {} : { setting: options.setting }),
  };
  const acquire = async (): Promise<PoolClient> => {
    try {
      return await pool.connect();
    } catch (error) {
      throw connectError(error, target);
    }
  };
  const executor = poolExecutor(acquire);
  let closing: Promise<void> | undefined;
  return {
    pool,
    db: new Kysely<DB>({
      dialect: new PostgresDialect({
        pool: {
          connect: async () => kyselyClient(await acquire()),
          end: () => Promise.resolve(),
          options: pool.options,
        },
      }),
    }),
    executor,
    target,
    acquire,
    ping: () => executor.query('select 1').then(() => undefined),
    close: () => (closing ??= pool.end()),
  };
}

function poolExecutor(acquire: () => Promise<PoolClient>): Executor {
  return {
    query: async <R>(text: string, values?: readonly unknown[]) => {
      const client = await acquire();
      let broken: boolean | undefined;
      try {
        return await executorOfClient(client).query<R>(text, values);
      } catch (error) {
        // An error without SQLSTATE came from the connection, not from the server's answer.
        broken = !(error instanceof Error && 'severity' in error);
        throw error;
      } finally {
        client.release(broken);
      }
    },
  };
}

function targetOf(pool: Pool): Omit<Target, 'setting'> {
  // pg resolves URL, PG* variables and defaults in the client; asking one is the only way that never disagrees.
  const { host, port, database, user } = new (clientClass(pool))(pool.options);
  return { host, port, database: database ?? '', user: user ?? '' };
}

type ClientClass = new (config: PoolConfig) => {
  host: string;
  port: number;
  database?: string;
  user?: string;
};

function clientClass(pool: Pool): ClientClass {
  return (pool as unknown as { Client: ClientClass }).Client;
}

function refuseUnverifiedTls(ssl: PoolConfig['ssl']): void {
  const mode = process.env['NODE_ENV'];
  if (typeof ssl !== 'object' || ssl.rejectUnauthorized !== false) return;
  if (mode === 'development' || mode === 'test') return;
  throw new DatabaseError(
    "ssl.rejectUnauthorized = false accepts any certificate, so anyone between us and Postgres can read and change everything. Give the server's CA in ssl.ca instead (allowed only with NODE_ENV=development).",
    { code: 'DATABASE_SETTINGS', category: 'configuration', certainty: 'not_applied' },
  );
}
