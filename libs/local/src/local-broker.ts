import { type Clock, systemClock } from '@convergekit/core';
import {
  type Admin,
  type Broker,
  BrokerError,
  type ConsumerOptions,
  type GroupConsumer,
  type Leadership,
  type Log,
  LogAdmin,
  LogLink,
  LoopConsumer,
  type Producer,
} from '@convergekit/broker/engine';
import { messageOf } from '@convergekit/core/engine';
import { connect, type Database, DatabaseError, migrate } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { Maintenance } from './log/maintenance.ts';
import { LocalProducer } from './log/producer.ts';
import { storeOn } from './log/store.ts';
import { localMigrations } from './migrations.ts';
import { brokerErrorFrom } from './session/errors.ts';
import { LogSession } from './session/log-session.ts';
import { LogWakeUps } from './session/wake-ups.ts';

export interface LocalOptions {
  /** The database of the log, `postgres://user:password@host:port/database`. @default the standard PG* variables */
  readonly url?: string;
  /** The name of the URL's setting in errors. @default 'DATABASE_URL' */
  readonly setting?: string;
  /** The name of this client in the log and in `pg_stat_activity`, such as the service's. */
  readonly clientId: string;
  /** Receives failures of consumers. @default nothing is logged */
  readonly log?: Log;
  /** The time limit of opening a connection, in milliseconds. @default 3_000 */
  readonly connectTimeoutMs?: number;
  /** The time after which the outcome of an unanswered request counts as unknown, in milliseconds. @default 10_000 */
  readonly requestTimeoutMs?: number;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** Connections of one process: one for each producer and consumer, one for all admins, one for notifications. */
const MOST_CONNECTIONS = 100;

/**
 * Opens the log in Postgres. It connects on first use; a log that does not exist is created then, if the role may.
 * @example
 * ```ts
 * import { consumerService, localBroker, runServices } from 'convergekit/process';
 * import { database, payments } from './shop.ts';
 *
 * // Events without Kafka: services that name the same database exchange them.
 * const broker = localBroker({ url: 'postgres://localhost/events', clientId: 'payments' });
 * await runServices([consumerService([payments], { database, broker })]);
 * ```
 */
export function localBroker(options: LocalOptions): Broker {
  return new LocalBroker(options, systemClock);
}

/** The wiring of local mode. */
export class LocalBroker implements Broker {
  readonly driver = 'local';
  readonly #options: LocalOptions;
  readonly #leadership: Leadership | undefined;
  readonly #clock: Clock;
  readonly #database: Database;
  readonly #shared: LogSession;
  readonly #maintenance: Maintenance;
  readonly #wakeUps: LogWakeUps;
  readonly #sessions = new Set<LogSession>();
  readonly #consumers = new Set<GroupConsumer>();
  #ready: Promise<void> | undefined;

  /** `leadership`: which partitions are served. @default one server serves all */
  constructor(options: LocalOptions, clock: Clock, leadership?: Leadership) {
    this.#options = options;
    this.#leadership = leadership;
    this.#clock = clock;
    const { url, setting, clientId, connectTimeoutMs = 3_000, log } = options;
    this.#database = connect({
      ...(url === undefined ? {} : { url }),
      ...(setting === undefined ? {} : { setting }),
      applicationName: `${clientId} (log)`,
      max: MOST_CONNECTIONS,
      connectTimeoutMs,
      notify: false,
      onIdleError: (error) => log?.('warn', 'a connection to the local log dropped', { error }),
    });
    this.#shared = this.#session();
    this.#wakeUps = new LogWakeUps(this.#session(), clock);
    this.#maintenance = new Maintenance(clock, log ?? (() => undefined));
  }

  async producer(): Promise<Producer> {
    await this.#ensured();
    const session = this.#session();
    await session.query('connecting', 'select $1::int', [1]);
    return new LocalProducer({
      session,
      leadership: this.#leadership,
      maintain: () => this.#maintenance.run(session, this.#shared),
      onClose: () => this.#sessions.delete(session),
    });
  }

  consumer(options: ConsumerOptions): GroupConsumer {
    const { groupId, topics, sessionTimeoutMs = 10_000 } = options;
    const { log, requestTimeoutMs = REQUEST_TIMEOUT_MS } = this.#options;
    // A silent server must be abandoned before the session ends.
    const session = this.#session(Math.min(requestTimeoutMs, Math.max(sessionTimeoutMs / 2, 1_000)));
    const link = new LogLink({
      store: storeOn(session),
      first: storeOn(this.#shared),
      wakeUps: this.#wakeUps,
      leadership: this.#leadership,
      ready: () => this.#ensured(),
      groupId,
      topics,
      sessionTimeoutMs,
      clock: this.#clock,
    });
    const consumer = new LoopConsumer({ ...options, sessionTimeoutMs, link, log, clock: this.#clock });
    this.#consumers.add(consumer);
    const forget = (): void => {
      this.#consumers.delete(consumer);
      this.#sessions.delete(session);
    };
    consumer.done.then(forget, forget);
    return consumer;
  }

  async admin(): Promise<Admin> {
    await this.#ensured();
    await this.#shared.query('connecting', 'select $1::int', [1]);
    return new LogAdmin(storeOn(this.#shared), this.#leadership);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await this.#wakeUps.close();
    for (const session of this.#sessions) session.close();
    await this.#database.close();
  }

  /** Creates the log once, if it does not exist. */
  async #ensured(): Promise<void> {
    this.#ready ??= ensureLog(this.#shared, this.#database);
    try {
      await this.#ready;
    } catch (error) {
      this.#ready = undefined;
      throw error;
    }
  }

  #session(requestTimeoutMs = this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS): LogSession {
    const session = new LogSession({ database: this.#database, clock: this.#clock, requestTimeoutMs });
    this.#sessions.add(session);
    return session;
  }
}

const presentSql = `select to_regclass($1) is not null as present`;

/** Creates the log if it does not exist. Rejects with LOCAL_LOG_MISSING when the role may not. */
async function ensureLog(session: LogSession, database: Database): Promise<void> {
  const { rows } = await session.query<{ present: boolean }>('connecting', presentSql, [
    'converge_log.topic',
  ]);
  if (rows[0]?.present === true) return;
  try {
    await migrate(database, [localMigrations]);
  } catch (cause) {
    if (!isConfiguration(cause)) throw brokerErrorFrom(cause, { doing: 'creating the log', sent: true });
    throw new BrokerError(
      `the database has no local log, and it could not be created: ${messageOf(cause)}. Run \`converge migrate\` with CONVERGE__BROKER=local as a role that may create a schema`,
      { code: 'LOCAL_LOG_MISSING', kind: 'configuration', cause },
    );
  }
}

/** True when no retry helps: the role may not, or the migration failed. */
function isConfiguration(cause: unknown): boolean {
  return (
    sqlState(cause) === '42501' || (cause instanceof DatabaseError && cause.category === 'configuration')
  );
}
